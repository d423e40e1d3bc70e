"""The comparison with the EnergyFlow benchmark counts and orders the particles of a jet."""

import numpy as np
import pytest

from benchmarks.simulation.energyflow import benchmark_generator, measured, read_published
from calobatch.simulate.jets.generator import Dijets, Particles


def test_published_jets_are_read_with_their_particles_in_any_order(tmp_path):
    jets = np.zeros((3, 12, 4))
    jets[0, :2, 0] = 1, 3
    jets[1, :, 0] = 2
    jets[2, 3:7, 0] = 1, 1, 5, 1
    np.savez(tmp_path / "QG_jets.npz", X=jets, y=np.array([1.0, 0.0, 1.0]))
    blocks = read_published(tmp_path / "QG_jets.npz")
    assert blocks["quark"].multiplicity_B.tolist() == [2, 4]
    assert blocks["gluon"].multiplicity_B.tolist() == [12]
    assert blocks["quark"].share_BL[:, :3] == pytest.approx(
        np.array([[3 / 4, 1 / 4, 0], [5 / 8, 1 / 8, 1 / 8]])
    )


def test_simulated_jets_are_measured_in_the_same_way():
    """Two collisions; the jet of the second one is too soft for the benchmark."""
    event = np.array([0, 0, 0, 1])
    pt, phi = np.array([100.0, 400.0, 20.0, 300.0]), np.array([0.1, 0.0, 0.1, 0.0])
    particles = Particles(event, np.full(4, 211), np.ones(4), pt, np.zeros(4), phi)
    direction = np.array([[np.nan, 0.0], [np.nan, 0.0]])
    block = measured(Dijets(particles, direction, direction), benchmark_generator())
    assert block.multiplicity_B.tolist() == [3]
    assert block.share_BL[0, :4] == pytest.approx(np.array([400, 100, 20, 0]) / 520)
