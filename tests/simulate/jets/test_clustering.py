import fastjet
import numpy as np
import pytest

from calobatch.config.generator import Generator
from calobatch.simulate.jets.clustering import leading_jets
from calobatch.simulate.jets.detector import Response, wrap
from calobatch.simulate.jets.generator import Particles


def cluster(event, pt, eta, phi, events, pt_min=20.0, radius=0.5):
    """Cluster particles that are all measured exactly, as tracks."""
    pt, eta, phi = (np.array(values, float) for values in (pt, eta, phi))
    zero = np.zeros_like(pt)
    particles = Particles(np.array(event), np.full(pt.size, 211), zero + 1, pt, eta, phi)
    response = Response(pt, zero, zero, eta, phi, zero.astype(bool))
    return leading_jets(particles, response, events, Generator(pt_min=pt_min, radius=radius))


def test_the_jet_of_highest_transverse_momentum_leads():
    jets = cluster([0] * 3, [60, 45, 30], [0.5, -1.0, -1.1], [3.1, 0.0, 0.1], 1)
    assert jets.pt[0] == pytest.approx(np.hypot(45 + 30 * np.cos(0.1), 30 * np.sin(0.1)))
    assert jets.eta[0] == pytest.approx(-1.04, abs=0.01)


def test_the_mass_of_two_particles_follows_the_formula():
    jets = cluster([0, 0], [50, 40], [0.1, 0.3], [0.0, 0.2], 1)
    squared = 2 * 50 * 40 * (np.cosh(0.2) - np.cos(0.2))
    assert jets.mass[0] == pytest.approx(np.sqrt(squared))


def test_jets_join_across_the_seam_in_phi():
    jets = cluster([0, 0], [50, 50], [0, 0], [3.1, -3.1], 1)
    assert jets.pt[0] == pytest.approx(100 * np.cos(np.pi - 3.1))


def test_collisions_are_clustered_separately_and_empty_ones_have_no_jet():
    jets = cluster([1, 3], [50, 10], [0.2, 0.0], [1.0, 1.0], 4)
    assert jets.pt == pytest.approx([0, 50, 0, 0])
    assert jets.phi[1] == pytest.approx(1.0)


def test_a_particle_without_a_track_counts_in_the_direction_of_its_calorimeter_entry():
    one = np.ones(1)
    particles = Particles(np.zeros(1, int), np.array([211]), one, 30 * one, 0 * one, 0 * one)
    response = Response(0 * one, 20 * one, 25 * one, 0.5 * one, -0.1 * one, np.array([False]))
    jets = leading_jets(particles, response, 1, Generator(pt_min=20))
    assert jets.pt[0] == pytest.approx(45 / np.cosh(0.5))
    assert (jets.eta[0], jets.phi[0]) == (pytest.approx(0.5), pytest.approx(-0.1))


def test_constituents_are_the_measured_particles_of_the_leading_jets():
    event, pt = [0, 0, 0, 1, 3, 3], [30, 0, 70, 10, 40, 25]
    jets = cluster(event, pt, [0.5, 0.1, 0.1, 0, 0, 0.2], [0, 0, 0.1, 0, 3.0, 3.1], 4)
    # Particle 1 was not measured, and collision 1 has no jet.
    assert jets.constituents.tolist() == [0, 2, 4, 5]
    alone = cluster(event, pt, [0.5, 0.1, 0.1, 0, 0, 0.2], [0, 0, 0.1, 0, 3.0, 3.1], 4, radius=0.2)
    assert alone.constituents.tolist() == [2, 4]


def test_collisions_without_any_jet_have_no_constituents():
    jets = cluster([0, 1], [5, 6], [0, 0], [0, 0], 2)
    assert jets.constituents.size == 0
    assert jets.pt.tolist() == [0, 0]


@pytest.mark.parametrize("radius", [0.3, 0.5, 1.0])
def test_the_jets_are_those_of_fastjet_on_all_particles(radius):
    """Among many soft particles, with jets at the seam in phi and far forward."""
    rng = np.random.default_rng(3)
    pt = np.concatenate([rng.exponential(0.6, 1500), rng.exponential(12, 40)])
    eta = np.concatenate([rng.uniform(-7, 7, 1500), np.repeat([0.2, 3.9], 20)])
    phi = np.concatenate([rng.uniform(-np.pi, np.pi, 1500), np.repeat([3.1, -1.0], 20)])
    eta[1500:] += rng.normal(0, radius / 4, 40)
    phi[1500:] = wrap(phi[1500:] + rng.normal(0, radius / 4, 40))
    jet = cluster(np.zeros(1540, int), pt, eta, phi, 1, pt_min=50, radius=radius)
    particles = [
        fastjet.PseudoJet(p * np.cos(f), p * np.sin(f), p * np.sinh(e), p * np.cosh(e))
        for p, e, f in zip(pt, eta, phi, strict=True)
    ]
    definition = fastjet.JetDefinition(fastjet.antikt_algorithm, radius)
    clusters = fastjet.ClusterSequence(particles, definition)
    best = max(clusters.inclusive_jets(50.0), key=lambda found: found.pt())
    assert jet.pt[0] == pytest.approx(best.pt(), rel=1e-9)
    assert jet.mass[0] == pytest.approx(best.m(), rel=1e-6)
    assert jet.constituents.size == len(best.constituents())
