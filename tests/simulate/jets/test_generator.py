import numpy as np
import pytest

from calobatch.simulate.jets.generator import DijetGenerator, minimum_bias

EVENTS = 12


@pytest.fixture(scope="module", params=["quark", "gluon"])
def dijets(request):
    return DijetGenerator(request.param, seed=3).collisions(EVENTS)


def test_charge_is_conserved(dijets):
    """Two protons came in, and the neutrinos that are left out are neutral."""
    particles = dijets.particles
    assert np.bincount(particles.event, particles.charge) == pytest.approx(np.full(EVENTS, 2.0))


def test_energy_does_not_exceed_that_of_the_beams(dijets):
    particles = dijets.particles
    momentum = particles.pt * np.cosh(particles.eta)
    energy = np.bincount(particles.event, momentum)
    assert np.all((energy > 5000) & (energy < 8000))


def test_neutrinos_are_left_out(dijets):
    assert not np.isin(np.abs(dijets.particles.pdg), [12, 14, 16]).any()


def test_at_least_one_parton_of_each_pair_is_central(dijets):
    assert dijets.parton_eta_EP.shape == dijets.parton_phi_EP.shape == (EVENTS, 2)
    assert np.abs(dijets.parton_eta_EP).min(axis=1).max() < 1.8


def test_the_two_partons_are_back_to_back(dijets):
    difference = np.diff(dijets.parton_phi_EP, axis=1)
    assert np.cos(difference) == pytest.approx(np.full((EVENTS, 1), -1.0))


def test_most_hard_particles_are_near_a_parton(dijets):
    particles = dijets.particles
    hard = particles.pt > 20
    parton_eta, parton_phi = (
        coordinate[particles.event[hard]].T
        for coordinate in (dijets.parton_eta_EP, dijets.parton_phi_EP)
    )
    turn = np.abs(particles.phi[hard] - parton_phi)
    away = np.hypot(particles.eta[hard] - parton_eta, np.minimum(turn, 2 * np.pi - turn))
    assert np.mean(away.min(axis=0) < 0.5) > 0.7


def test_minimum_bias_is_soft():
    particles = minimum_bias(20, seed=1)
    assert np.unique(particles.event).tolist() == list(range(20))
    assert 0.2 < particles.pt.mean() < 1.0
