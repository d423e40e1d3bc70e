import numpy as np
import pytest

from calobatch.simulate import readout


def one_crystal(energy: float, number: int = 1) -> np.ndarray:
    images = np.zeros((number, 32, 32), dtype=np.float32)
    images[:, 16, 16] = energy
    return images


def test_noise_has_no_bias_and_the_stated_width() -> None:
    measured = readout.add_noise(one_crystal(0, 200), np.random.default_rng(0))
    assert measured.mean() == pytest.approx(0, abs=5e-4)
    assert measured.std() == pytest.approx(readout.NOISE, rel=0.01)


def test_fifteen_by_fifteen_crystals_are_read_round_a_strong_tower() -> None:
    read = readout.read_out(one_crystal(30, 50), np.zeros(50), np.random.default_rng(1))
    assert np.all(read.sum(axis=(1, 2)) == 225)
    assert read[:, 11:22, 11:22].all()


def test_a_middling_tower_is_read_by_itself() -> None:
    read = readout.read_out(one_crystal(1.5, 50), np.zeros(50), np.random.default_rng(2))
    assert np.all(read.sum(axis=(1, 2)) == 25)


def test_interest_in_a_tower_goes_by_transverse_energy() -> None:
    read = readout.read_out(one_crystal(1.5), np.array([1.2]), np.random.default_rng(3))
    assert read.sum() == 1


@pytest.mark.parametrize(("energy", "crystals"), [(0.2, 1), (0.1, 0)])
def test_crystals_by_themselves_need_the_zero_suppression_s_energy(
    energy: float, crystals: int
) -> None:
    read = readout.read_out(one_crystal(energy), np.zeros(1), np.random.default_rng(4))
    assert read.sum() == crystals


def test_times_sharpen_with_energy_down_to_a_constant() -> None:
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
