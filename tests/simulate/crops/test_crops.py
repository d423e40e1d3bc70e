from typing import Literal

import numpy as np
import pytest
from numpy.typing import NDArray

from calobatch.simulate.crops.crops import crop, simulate_crops

EVENTS = 1500
Crops = NDArray[np.float32]
OFFSET = np.arange(32) - 16


def sample(particle: Literal["electron", "photon"], events: int, seed: int) -> Crops:
    return simulate_crops(particle, events, np.random.default_rng(seed))


@pytest.fixture(scope="module")
def electrons() -> Crops:
    return sample("electron", EVENTS, 1)


@pytest.fixture(scope="module")
def photons() -> Crops:
    return sample("photon", EVENTS, 2)


@pytest.fixture(scope="module")
def both(electrons: Crops, photons: Crops) -> Crops:
    return np.concatenate([electrons, photons])


def shares(crops: Crops) -> NDArray[np.float64]:
    energy = crops[..., 0].astype(float)
    return energy / energy.sum(axis=(1, 2), keepdims=True)


def width(crops: Crops, axis: Literal["eta", "phi"]) -> NDArray[np.float64]:
    """Variance of the energy along one axis, in crystals squared: (events,)."""
    along = shares(crops).sum(axis=2 if axis == "eta" else 1)
    return along @ OFFSET**2 - (along @ OFFSET) ** 2


def mean_and_uncertainty(values: NDArray[np.float64]) -> tuple[float, float]:
    return float(values.mean()), float(values.std() / np.sqrt(len(values)))


def test_crops_have_the_shape_and_type_of_the_files(both: Crops) -> None:
    assert both.shape == (2 * EVENTS, 32, 32, 2)
    assert both.dtype == np.float32
    assert np.isfinite(both).all()


@pytest.mark.parametrize("particle", ["electron", "photon"])
def test_the_same_seed_gives_the_same_crops(particle: Literal["electron", "photon"]) -> None:
    first, second, other = (sample(particle, 20, seed) for seed in (7, 7, 8))
    assert np.array_equal(first, second)
    assert not np.array_equal(first, other)


def test_one_event_can_be_simulated() -> None:
    assert sample("photon", 1, 3).shape == (1, 32, 32, 2)


def test_no_crop_is_empty_and_no_energy_is_negative(both: Crops) -> None:
    assert both[..., 0].min() == 0
    assert (both[..., 0] > 0).any(axis=(1, 2)).all()


def test_the_hottest_crystal_is_at_the_centre(both: Crops) -> None:
    assert np.all(both[..., 0].reshape(len(both), -1).argmax(axis=1) == 16 * 32 + 16)


def test_a_crystal_has_a_time_exactly_if_it_has_energy(both: Crops) -> None:
    assert np.array_equal(both[..., 1] != 0, both[..., 0] > 0)


def test_energies_and_times_are_in_the_published_ranges(both: Crops) -> None:
    assert 1.0 < both[..., 0].max() < 1.6
    assert np.abs(both[..., 1]).max() < 3
    assert 0.055 < both[..., 1].std() < 0.085


def test_nearly_all_of_the_particle_s_energy_is_in_the_crop(
    electrons: Crops, photons: Crops
) -> None:
    """The mean of pT cosh(eta), for flat eta; a few per cent may leak or bend out of the crop."""
    expected = np.sinh(1.2) / 1.2
    for crops in (electrons, photons):
        mean, uncertainty = mean_and_uncertainty(crops[..., 0].sum(axis=(1, 2), dtype=float))
        assert 0.96 * expected - 3 * uncertainty < mean < 1.02 * expected + 3 * uncertainty


def test_electrons_spread_more_along_phi_than_photons(electrons: Crops, photons: Crops) -> None:
    electron, electron_uncertainty = mean_and_uncertainty(width(electrons, "phi"))
    photon, photon_uncertainty = mean_and_uncertainty(width(photons, "phi"))
    assert electron - photon > 3 * np.hypot(electron_uncertainty, photon_uncertainty)


def test_electrons_hit_more_crystals_than_photons_and_have_a_lower_peak(
    electrons: Crops, photons: Crops
) -> None:
    assert np.mean(electrons[..., 0] > 0) > np.mean(photons[..., 0] > 0)
    assert shares(electrons).max(axis=(1, 2)).mean() < shares(photons).max(axis=(1, 2)).mean()


def test_the_classes_have_the_same_width_along_eta(electrons: Crops, photons: Crops) -> None:
    assert width(electrons, "eta").mean() == pytest.approx(width(photons, "eta").mean(), rel=0.1)


def test_crops_are_wider_in_phi_than_in_eta(both: Crops) -> None:
    assert np.median(width(both, "phi")) > np.median(width(both, "eta"))
    band = both[:, 14:19, :, 0] > 0
    column_band = both[:, :, 14:19, 0] > 0
    assert band.mean() > column_band.mean()


def test_energies_have_the_spread_of_the_public_files(electrons: Crops, photons: Crops) -> None:
    """Standard deviation over all pixels of 249,000 crops per class, in units of 50 GeV."""
    assert electrons[..., 0].std() == pytest.approx(0.022603, rel=0.03)
    assert photons[..., 0].std() == pytest.approx(0.024789, rel=0.03)


def test_compact_crops_are_wider_in_phi_because_of_the_field(both: Crops) -> None:
    five = both[:, 14:19, 14:19, 0].astype(float)
    total = both[..., 0].sum(axis=(1, 2))
    compact = five[five[:, 1:4, 1:4].sum(axis=(1, 2)) > 0.94 * total]
    rows, columns = compact[:, [0, 4], :].sum(), compact[:, :, [0, 4]].sum()
    assert columns > 1.1 * rows


def test_a_few_dozen_crystals_are_hit(electrons: Crops, photons: Crops) -> None:
    for crops, low, high in ((photons, 40, 50), (electrons, 45, 56)):
        assert low < np.mean(np.sum(crops[..., 0] > 0, axis=(1, 2))) < high


def test_a_crop_is_centred_on_the_hottest_crystal_of_the_grid() -> None:
    grid = np.random.default_rng(9).random((2, 36, 64), dtype=np.float32)
    grid[0, 17, 20] = grid[1, 19, 47] = 5
    centred = crop(grid)
    assert centred.shape == (2, 32, 32)
    assert centred[:, 16, 16].tolist() == [5, 5]
    assert np.array_equal(centred[0], grid[0, 1:33, 4:36])
