import numpy as np
import pytest

from calobatch.config.generator import Generator
from calobatch.simulate.jets.generator import Particles
from calobatch.simulate.jets.pile_up import POOL, PileUp

EVENTS = 300
MEAN = 3


@pytest.fixture(scope="module")
def pile_up():
    return PileUp(MEAN, 1, Generator())


@pytest.fixture(scope="module")
def overlaid(pile_up):
    event = np.arange(EVENTS)
    marked = Particles(event, np.full(EVENTS, 999), *np.ones((4, EVENTS)))
    return pile_up.overlay(marked, EVENTS, np.random.default_rng(2))


def test_particles_of_the_hard_collisions_do_not_change(overlaid):
    own = overlaid.at(overlaid.pdg == 999)
    assert own.event.tolist() == list(range(EVENTS))
    assert np.all(own.pt == 1)


def test_particles_stay_ordered_by_collision(overlaid):
    assert np.all(np.diff(overlaid.event) >= 0)


def test_the_mean_number_of_overlays_is_the_requested_one(pile_up, overlaid):
    """Each overlay adds the charge of two protons."""
    charge = overlaid.charge[overlaid.pdg != 999].sum()
    overlays = charge / 2 / EVENTS
    assert overlays == pytest.approx(MEAN, abs=4 * np.sqrt(MEAN / EVENTS))
    assert len(pile_up.start) == POOL


def test_overlays_are_whole_collisions_turned_and_mirrored(pile_up, overlaid):
    extra = overlaid.at(overlaid.pdg != 999)
    assert np.isin(extra.pt, pile_up.pool.pt).all()
    assert np.isin(np.abs(extra.eta), np.abs(pile_up.pool.eta)).all()
    assert not np.isin(extra.phi, pile_up.pool.phi).any()


def test_phi_is_uniform_and_eta_symmetric(overlaid):
    extra = overlaid.at(overlaid.pdg != 999)
    assert abs(np.exp(1j * extra.phi).mean()) < 0.02
    assert abs(np.sign(extra.eta).mean()) < 0.02
