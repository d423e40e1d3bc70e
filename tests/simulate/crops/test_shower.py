from typing import NamedTuple

import numpy as np
import pytest
from numpy.typing import NDArray

from calobatch.simulate.crops import shower
from calobatch.simulate.crops.crystals import CRYSTAL_WIDTH, widening


class Spots(NamedTuple):
    shower: NDArray[np.intp]
    energy: NDArray[np.float64]
    depth: NDArray[np.float64]
    x: NDArray[np.float64]
    y: NDArray[np.float64]


def showers_of(energy: float, number: int, seed: int = 0, start: float = 0) -> Spots:
    """Return all spots of ``number`` showers, one element per spot."""
    rng = np.random.default_rng(seed)
    rings = shower.sample_rings(np.full(number, energy), np.full(number, start), rng)
    places = shower.sample_places(int(rings.spots.sum()), rng)
    radius = np.repeat(rings.radius, rings.spots)
    per_ring = (rings.shower, rings.energy, rings.depth)
    return Spots(
        *(np.repeat(values, rings.spots) for values in per_ring), *(radius * p for p in places)
    )


def share_within(spots: Spots, energy: float, reach: int) -> float:
    """Return the mean share of the energy up to ``reach`` crystals from the one that is hit."""
    impact = np.stack(np.meshgrid(*2 * [(np.arange(20) + 0.5) / 20])).reshape(2, 400)
    width = CRYSTAL_WIDTH * widening(spots.depth, np.ones(len(spots.depth)))
    row = np.floor(spots.x / width + impact[0, spots.shower])
    column = np.floor(spots.y / width + impact[1, spots.shower])
    near = (np.abs(row) <= reach) & (np.abs(column) <= reach)
    return float(spots.energy[near].sum(dtype=float) / (400 * energy))


@pytest.fixture(scope="module")
def fifty_gev() -> Spots:
    return showers_of(50.0, 400)


# The field, which is left out here, lowers the three shares by 0.02, 0.009 and 0.004.
@pytest.mark.parametrize(
    ("reach", "expected", "tolerance"), [(0, 0.64, 0.02), (1, 0.937, 0.005), (2, 0.972, 0.003)]
)
def test_the_share_of_energy_in_1_3_and_5_crystals_is_the_published_one(
    fifty_gev: Spots, reach: int, expected: float, tolerance: float
) -> None:
    assert share_within(fifty_gev, 50.0, reach) == pytest.approx(expected, abs=tolerance)


def test_a_shower_keeps_its_energy_except_for_a_small_leakage_behind(
    fifty_gev: Spots,
) -> None:
    contained = np.bincount(fifty_gev.shower, fifty_gev.energy) / 50
    assert np.all(contained <= 1 + 1e-5)
    assert 0.98 < contained.mean() < 1


def test_spots_of_soft_showers_carry_all_their_energy() -> None:
    spots = showers_of(0.1, 300)
    assert spots.energy.sum() == pytest.approx(300 * 0.1, rel=0.02)


def test_no_spot_is_deeper_than_the_crystal(fifty_gev: Spots) -> None:
    assert fifty_gev.depth.min() > 0
    assert fifty_gev.depth.max() <= shower.CRYSTAL_DEPTH


def test_a_shower_that_starts_later_leaks_more() -> None:
    early, late = (showers_of(50.0, 200, seed=2, start=start) for start in (0, 6))
    assert late.energy.sum() < early.energy.sum()


def test_the_depth_of_the_maximum_grows_with_the_logarithm_of_the_energy() -> None:
    rng = np.random.default_rng(3)
    at_5, at_50 = (
        np.median(shower.sample_longitudinal(np.full(20_000, energy), rng).maximum)
        for energy in (5.0, 50.0)
    )
    assert at_50 - at_5 == pytest.approx(np.log(10), abs=0.05)


def test_the_depth_profile_peaks_at_the_sampled_maximum() -> None:
    shape = shower.Longitudinal(np.array([4.5, 7.5]), np.array([3.0, 4.0]))
    fraction = shower.slice_fractions(shape)
    assert fraction.argmax(axis=1).tolist() == [4, 7]
    assert fraction.sum(axis=1) == pytest.approx([1, 1])


def test_showers_are_round() -> None:
    spots = showers_of(50.0, 50, seed=4)
    widths = [np.average(np.abs(place), weights=spots.energy) for place in (spots.x, spots.y)]
    assert widths[0] == pytest.approx(widths[1], rel=0.02)
