"""The shapes of crops and the halves of the real ones, with which the simulation is calibrated."""

import numpy as np
import pytest

from benchmarks.simulation.crop_shapes import SHAPES, hits_outside_five_rows, log_width, outer_share
from benchmarks.simulation.crop_statistics import Measured, mean
from benchmarks.simulation.real_crops import PARTICLES, real_crops


def image(**energies: float) -> np.ndarray:
    one = np.zeros((1, 32, 32))
    for name, energy in energies.items():
        _, row, column = name.split("_")
        one[0, int(row), int(column)] = energy
    return one


@pytest.mark.parametrize(("particle", "number"), [("photon", 44), ("electron", 56)])
def test_the_halves_of_the_real_crops_have_no_crop_in_common_and_all_together(particle, number):
    fit, kept_back = real_crops(particle, "fit"), real_crops(particle, "kept back")
    assert len(fit) == len(kept_back) == number / 2
    together = np.concatenate([fit, kept_back]).reshape(number, -1)
    assert len(np.unique(together, axis=0)) == number
    every = real_crops(particle, "all").reshape(number, -1)
    np.testing.assert_array_equal(np.sort(together.sum(axis=1)), np.sort(every.sum(axis=1)))


def test_real_crops_have_their_hottest_crystal_in_the_middle():
    for particle in PARTICLES:
        energy = real_crops(particle, "fit")
        hottest = energy.reshape(len(energy), -1).argmax(axis=1)
        assert np.mean(hottest == 16 * 32 + 16) > 0.9


def test_outer_rows_and_columns_are_told_apart():
    energy = image(at_16_16=6, at_14_16=1, at_16_18=3, at_16_20=100)
    assert outer_share(energy, "eta") == pytest.approx(0.1)
    assert outer_share(energy, "phi") == pytest.approx(0.3)


def test_two_equal_crystals_side_by_side_have_a_width_of_half_a_crystal_in_that_direction():
    energy = image(at_16_16=5, at_16_17=5)
    assert log_width(energy, "phi") == pytest.approx(0.5)
    assert log_width(energy, "eta") == pytest.approx(0)


def test_a_weak_crystal_counts_for_more_than_its_energy_unless_it_is_below_the_weight_s_start():
    weak, too_weak = image(at_16_16=50, at_16_17=2), image(at_16_16=50, at_16_17=0.1)
    assert log_width(weak, "phi")[0] ** 2 > 2 * SHAPES["variance along phi"](weak)[0]
    assert log_width(too_weak, "phi") == pytest.approx(0)


def test_hits_outside_of_the_five_rows_are_counted_along_the_whole_image():
    energy = image(at_16_16=9, at_14_0=1, at_13_16=1, at_31_31=1)
    assert hits_outside_five_rows(energy).tolist() == [2]


def test_a_pull_is_in_units_of_the_spread_of_as_many_simulated_crops():
    simulated = mean(np.random.default_rng(0).normal(0, 1, 100_000))
    assert simulated.pull(Measured(0.4, 0.0, 25)) == pytest.approx(2, abs=0.05)
