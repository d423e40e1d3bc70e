import numpy as np
import pytest

from calobatch.simulate.barrel import CALORIMETER_RADIUS_M, FIELD_T
from calobatch.simulate.crops import crystals, shower, tracker

STRAIGHT = np.zeros((1, 2))


def grid_of(energy: float, number: int, eta: float = 0.0, seed: int = 0) -> np.ndarray:
    """Return the deposits of electrons that hit their crystals anywhere, at the front faces."""
    rng = np.random.default_rng(seed)
    particles = tracker.one_per_event(np.full(number, energy), np.ones(number))
    impact = rng.random((number, 2))
    return crystals.deposits(
        particles, np.full(number, eta), impact, np.zeros((number, 2)), rng
    ).astype(float)


def spread(grid: np.ndarray, axis: int, middle: int) -> float:
    """Return the mean distance from the grid's middle along an axis, in crystals."""
    place = np.arange(grid.shape[axis]) - middle
    other = tuple({0, 1, 2} - {axis})
    return float(grid.sum(axis=other) @ np.abs(place) / grid.sum())


def test_nearly_all_the_energy_is_deposited_and_none_is_made() -> None:
    per_event = grid_of(50.0, 100).sum(axis=(1, 2))
    assert np.all(per_event <= 50 * (1 + 1e-5))
    assert per_event.mean() > 0.97 * 50


def test_crystals_are_22_mm_wide_in_front_and_26_mm_behind() -> None:
    """CMS, JINST 3 (2008) S08004, section 4.2; the width here includes the gap of half a mm."""
    depth = np.array([0.0, shower.CRYSTAL_DEPTH])
    width = 10 * crystals.CRYSTAL_WIDTH * crystals.widening(depth, np.ones(2))
    assert width == pytest.approx([22.3, 26.3], abs=0.4)


def test_the_field_makes_showers_wider_in_phi_than_in_eta(monkeypatch: pytest.MonkeyPatch) -> None:
    bent = grid_of(50.0, 500)
    in_eta, in_phi = (
        spread(bent, axis, size // 2) for axis, size in ((1, crystals.ROWS), (2, crystals.COLUMNS))
    )
    assert in_phi > 1.05 * in_eta
    monkeypatch.setattr(crystals, "FIELD_PATH", 0.0)
    straight = grid_of(50.0, 500)
    without = spread(straight, 2, crystals.COLUMNS // 2)
    assert without == pytest.approx(spread(straight, 1, crystals.ROWS // 2), rel=0.04)


def test_a_bent_particle_moves_along_the_beam_as_a_helix_does() -> None:
    eta, momentum = 1.0, 3.0
    particle = tracker.one_per_event(np.array([momentum * np.cosh(eta)]), np.ones(1))
    for _ in range(20):
        particle = tracker.advance(particle, CALORIMETER_RADIUS_M / 20, np.array([eta]))
    shower = crystals.start_showers(
        particle, np.array([eta]), STRAIGHT, STRAIGHT, np.random.default_rng(0)
    )
    radius = momentum / (0.2998 * FIELD_T)
    arc = 2 * radius * np.arcsin(CALORIMETER_RADIUS_M / (2 * radius))
    across = (arc - CALORIMETER_RADIUS_M) * np.tanh(eta) * 100 / crystals.CRYSTAL_WIDTH
    assert shower.row[0] - crystals.ROWS // 2 == pytest.approx(across, abs=0.1)
    assert across > 0.4
