import numpy as np
import pytest

from calobatch.simulate.jets.calorimeter import (
    CRYSTAL,
    ECAL_NOISE_GEV,
    ECAL_THRESHOLD_GEV,
    ELECTROMAGNETIC,
    HADRONIC_HCAL,
    Spots,
    read_out,
    spread,
)


def showers(number, energy):
    rng = np.random.default_rng(1)
    eta, phi = rng.uniform(0, CRYSTAL, (2, number))
    return Spots(np.arange(number), np.full(number, energy), eta, phi)


def test_spreading_keeps_each_showers_energy_and_centre():
    whole = showers(50, 20.0)
    spots = spread(whole, ELECTROMAGNETIC, np.random.default_rng(0))
    assert np.bincount(spots.event, spots.energy) == pytest.approx(np.full(50, 20.0))
    assert np.median(spots.eta - whole.eta[spots.event]) == pytest.approx(0, abs=1e-4)
    assert np.median(spots.phi - whole.phi[spots.event]) == pytest.approx(0, abs=1e-4)


@pytest.mark.parametrize(("border", "share"), [(0, 0.64), (1, 0.937), (2, 0.972)])
def test_the_share_of_energy_in_1_3_and_5_crystals_is_the_published_one(border, share):
    spots = spread(showers(2000, 10.0), ELECTROMAGNETIC, np.random.default_rng(0))
    cell = np.maximum(np.abs(np.floor(spots.eta / CRYSTAL)), np.abs(np.floor(spots.phi / CRYSTAL)))
    assert spots.energy[cell <= border].sum() / 20_000 == pytest.approx(share, abs=0.008)


def test_nine_tenths_of_a_hadron_s_energy_are_within_an_interaction_length():
    whole = Spots(np.zeros(1, int), np.array([5000.0]), np.zeros(1), np.zeros(1))
    spots = spread(whole, HADRONIC_HCAL, np.random.default_rng(0))
    within = np.hypot(spots.eta, spots.phi) < 0.164 / 1.8
    assert spots.energy[within].sum() / 5000 == pytest.approx(0.9, abs=0.01)


def test_a_shower_of_no_energy_leaves_no_spot():
    assert spread(showers(3, 0.0), ELECTROMAGNETIC, np.random.default_rng(0)).energy.size == 0


def test_empty_cells_pass_the_threshold_with_the_probability_of_3_sigma():
    cells = read_out(
        np.zeros((1000, 1000)), ECAL_NOISE_GEV, ECAL_THRESHOLD_GEV, np.random.default_rng(0)
    )
    assert np.count_nonzero(cells) / cells.size == pytest.approx(1.35e-3, rel=0.1)
    assert cells[cells > 0].min() > ECAL_THRESHOLD_GEV


def test_readout_keeps_the_energy_of_filled_cells():
    cells = read_out(np.full((300, 300), 5.0), 0.04, 0.12, np.random.default_rng(0))
    assert cells.mean() == pytest.approx(5, abs=1e-3)
    assert cells.std() == pytest.approx(0.04, rel=0.02)
