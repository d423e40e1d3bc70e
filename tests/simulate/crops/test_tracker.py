import numpy as np
import pytest

from calobatch.simulate.barrel import CALORIMETER_RADIUS_M, FIELD_T
from calobatch.simulate.crops import tracker

CRYSTAL = 0.022  # metres
CENTRAL = np.zeros(1)


def electrons(energy: float, number: int = 1) -> tracker.Particles:
    return tracker.one_per_event(np.full(number, energy), np.ones(number))


def photons(energy: float, number: int) -> tracker.Particles:
    return tracker.one_per_event(np.full(number, energy), np.zeros(number))


@pytest.mark.parametrize(("energy", "crystals"), [(50.0, 0.85), (5.0, 8.5)])
def test_an_electron_bends_by_the_number_of_crystals_that_the_field_gives(
    energy: float, crystals: float
) -> None:
    arrived = tracker.advance(electrons(energy), CALORIMETER_RADIUS_M, CENTRAL)
    assert arrived.offset[0] / CRYSTAL == pytest.approx(crystals, rel=0.03)


def test_bending_does_not_depend_on_the_number_of_steps() -> None:
    whole = tracker.advance(electrons(20.0), 1.2, CENTRAL)
    steps = electrons(20.0)
    for _ in range(12):
        steps = tracker.advance(steps, 0.1, CENTRAL)
    assert steps.offset == pytest.approx(whole.offset)
    assert steps.slope == pytest.approx(whole.slope)


def test_a_photon_goes_straight() -> None:
    assert tracker.advance(photons(1.0, 1), CALORIMETER_RADIUS_M, CENTRAL).offset[0] == 0


@pytest.mark.parametrize("thickness", [0.05, 0.4, 2.0])
def test_the_share_of_photons_that_convert_follows_the_formula(thickness: float) -> None:
    number = 20_000
    rng = np.random.default_rng(0)
    after = tracker.convert(photons(50.0, number), np.full(number, thickness), rng)
    converted = np.sum(after.charge > 0) / number
    expected = 1 - np.exp(-7 / 9 * thickness)
    uncertainty = np.sqrt(expected * (1 - expected) / number)
    assert converted == pytest.approx(expected, abs=4 * uncertainty)


def test_the_legs_of_a_conversion_bend_to_opposite_sides_and_share_the_energy() -> None:
    after = tracker.convert(photons(30.0, 200), np.full(200, 100.0), np.random.default_rng(1))
    arrived = tracker.advance(after, 0.5, np.zeros(200))
    assert np.all(np.sign(arrived.offset) == arrived.charge)
    assert np.bincount(after.event, after.energy) == pytest.approx(np.full(200, 30.0))
    assert np.bincount(after.event, after.charge) == pytest.approx(np.zeros(200))


def test_pair_shares_are_symmetric_and_favour_unequal_legs() -> None:
    share = tracker.pair_share(200_000, np.random.default_rng(2))
    assert share.mean() == pytest.approx(0.5, abs=0.003)
    middle = np.mean(np.abs(share - 0.5) < 0.05)
    edges = np.mean(np.abs(share - 0.5) > 0.45)
    assert edges / middle == pytest.approx(1 / (2 / 3), rel=0.1)


def test_radiation_leaves_the_mean_energy_that_defines_a_radiation_length() -> None:
    number, thickness = 20_000, 0.5
    rng = np.random.default_rng(3)
    after = tracker.radiate(electrons(50.0, number), np.full(number, thickness), rng)
    kept = after.energy[after.charge != 0].mean() / 50
    assert kept == pytest.approx(np.exp(-thickness), abs=0.01)


def test_radiated_photons_have_a_spectrum_of_1_over_k() -> None:
    number = 200_000
    rng = np.random.default_rng(4)
    after = tracker.radiate(electrons(50.0, number), np.full(number, 0.02), rng)
    photon_energy = after.energy[after.charge == 0]
    counts, _ = np.histogram(photon_energy, [0.05, 0.5, 5.0])
    assert counts[1] / counts[0] == pytest.approx(1, abs=0.1)


def test_the_tracker_conserves_energy_and_charge() -> None:
    eta = np.linspace(-1.2, 1.2, 300)
    rng = np.random.default_rng(5)
    arrived = tracker.cross_tracker(electrons(50.0, 300), eta, rng)
    assert np.bincount(arrived.event, arrived.energy) == pytest.approx(np.full(300, 50.0))
    assert np.bincount(arrived.event, arrived.charge) == pytest.approx(np.ones(300))


def test_the_path_of_a_bent_particle_is_longer_by_the_arc_of_its_circle() -> None:
    """An arc of the angle a on a circle of radius r goes r sin(a) along its first direction."""
    arrived = electrons(5.0)
    for _ in range(10):
        arrived = tracker.advance(arrived, CALORIMETER_RADIUS_M / 10, CENTRAL)
    radius = 5.0 / (0.2998 * FIELD_T)
    arc = radius * np.arcsin(CALORIMETER_RADIUS_M / radius)
    # The parabola that stands for the circle makes the difference 4 % too small at this energy.
    assert arrived.detour[0] == pytest.approx(arc - CALORIMETER_RADIUS_M, rel=0.05)


def test_the_path_of_a_photon_is_straight() -> None:
    assert tracker.advance(photons(1.0, 1), CALORIMETER_RADIUS_M, CENTRAL).detour[0] == 0
