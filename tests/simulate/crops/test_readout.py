import numpy as np
import pytest

from calobatch.simulate.crops import readout


def one_crystal(energy: float, number: int = 1) -> np.ndarray:
    images = np.zeros((number, 32, 32), dtype=np.float32)
    images[:, 16, 16] = energy
    return images


def test_noise_has_no_bias_and_the_stated_width() -> None:
    measured = readout.add_noise(one_crystal(0, 200), np.random.default_rng(0))
    assert measured.mean() == pytest.approx(0, abs=5e-4)
    assert measured.std() == pytest.approx(readout.NOISE, rel=0.01)


def test_15_by_15_crystals_round_a_strong_tower_are_read() -> None:
    read = readout.read_out(one_crystal(30, 50), np.zeros(50), np.random.default_rng(1))
    assert np.all(read.sum(axis=(1, 2)) == 225)
    assert read[:, 11:22, 11:22].all()


def test_a_tower_of_low_interest_is_read_without_its_neighbours() -> None:
    read = readout.read_out(one_crystal(1.5, 50), np.zeros(50), np.random.default_rng(2))
    assert np.all(read.sum(axis=(1, 2)) == 25)


def test_the_interest_of_a_tower_depends_on_its_transverse_energy() -> None:
    read = readout.read_out(one_crystal(1.5), np.array([1.2]), np.random.default_rng(3))
    assert read.sum() == 1


@pytest.mark.parametrize(("energy", "crystals"), [(0.2, 1), (0.1, 0)])
def test_a_single_crystal_is_read_only_above_the_zero_suppression(
    energy: float, crystals: int
) -> None:
    read = readout.read_out(one_crystal(energy), np.zeros(1), np.random.default_rng(4))
    assert read.sum() == crystals


def test_the_spread_of_times_falls_with_energy_to_a_constant() -> None:
    rng = np.random.default_rng(5)
    spread = [
        readout.times(np.full(20_000, energy, dtype=np.float32), rng).std()
        for energy in (1e-4, 0.2, 2.0, 50.0)
    ]
    expected = [
        readout.LARGEST_TIME_SPREAD,
        33 * readout.NOISE / 0.2,
        np.hypot(33 * readout.NOISE / 2, 0.3),
        0.3,
    ]
    assert spread == pytest.approx(expected, rel=0.03)
