import numpy as np
import pytest

from calobatch.config.generator import Generator, Processes
from calobatch.errors import UserError
from calobatch.simulate.jets.generator import DijetGenerator, minimum_bias

EVENTS = 12
Z_AND_JET = Generator(
    energy=14_000,
    processes=Processes(
        gluon=("WeakBosonAndParton:qqbar2gmZg",), quark=("WeakBosonAndParton:qg2gmZq",)
    ),
    pythia=("23:onMode = off", "23:onIfAny = 12 14 16"),
    pt_hat_min=450,
    pt_hat_max=700,
    pt_min=500,
    eta_max=1.7,
)


@pytest.fixture(scope="module", params=["quark", "gluon"])
def dijets(request):
    return DijetGenerator(request.param, 3, Generator()).collisions(EVENTS)


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
    particles = minimum_bias(20, 1, Generator())
    assert np.unique(particles.event).tolist() == list(range(20))
    assert 0.2 < particles.pt.mean() < 1.0


def test_energy_processes_and_decays_are_those_of_the_settings():
    """A Z that decays to neutrinos is not seen, so the momentum of the jet is not balanced."""
    dijets = DijetGenerator("quark", 3, Z_AND_JET).collisions(EVENTS)
    particles = dijets.particles
    energy = np.bincount(particles.event, particles.pt * np.cosh(particles.eta))
    assert np.all((energy > 8000) & (energy < 13_500))
    missing = np.hypot(
        np.bincount(particles.event, particles.pt * np.cos(particles.phi)),
        np.bincount(particles.event, particles.pt * np.sin(particles.phi)),
    )
    assert np.all((missing > 350) & (missing < 1000))


def test_a_z_is_no_parton_to_which_a_jet_could_be_matched():
    dijets = DijetGenerator("gluon", 3, Z_AND_JET).collisions(EVENTS)
    known = np.isfinite(dijets.parton_eta_EP)
    assert known.sum(axis=1).tolist() == [1] * EVENTS
    assert np.abs(dijets.parton_eta_EP[known]).max() < 1.7 + 0.4


def test_changes_of_one_generator_do_not_reach_another():
    """The decays of the Z are shared data inside Pythia."""
    decaying = Z_AND_JET.model_copy(update={"pythia": ()})
    DijetGenerator("quark", 3, Z_AND_JET)
    particles = DijetGenerator("quark", 3, decaying).collisions(40).particles
    pt = np.bincount(particles.event, particles.pt * np.cos(particles.phi))
    # A fifth of the Z are not seen.
    assert np.mean(np.abs(pt) < 50) > 0.5


def test_the_seed_is_that_of_the_block_whatever_the_user_sets():
    settings = Generator(pythia=("Random:setSeed = on", "Random:seed = 5"))
    one, other = (DijetGenerator("gluon", seed, settings).collisions(1) for seed in (1, 2))
    assert one.particles.pt.sum() != other.particles.pt.sum()


@pytest.mark.parametrize(
    "settings",
    [Generator(pythia=("nonsense = 3",)), Generator(processes=Processes(quark=("HardQCD:no",)))],
)
def test_a_setting_that_pythia_does_not_know_is_named(settings):
    with pytest.raises(
        UserError, match=r"does not know the setting '(nonsense = 3|HardQCD:no = on)'"
    ):
        DijetGenerator("quark", 1, settings)


def test_processes_that_give_no_jet_of_the_class_are_refused_and_do_not_run_for_ever():
    charm = Generator(processes=Processes(quark=("HardQCD:gg2ccbar",)))
    with pytest.raises(UserError, match=r"generator.processes.quark: none of 10000 collisions"):
        DijetGenerator("quark", 1, charm).collisions(1)
