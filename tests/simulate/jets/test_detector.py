import numpy as np
import pytest

from calobatch.simulate.barrel import CALORIMETER_RADIUS_M, FIELD_T
from calobatch.simulate.jets.detector import (
    calorimeter_entry,
    ecal_resolution,
    exact_response,
    hcal_resolution,
    respond,
    track_efficiency,
    track_resolution,
    wrap,
)
from calobatch.simulate.jets.generator import Particles

PHOTON, ELECTRON, MUON, PION, NEUTRON = 22, 11, 13, 211, 2112
CRYSTAL = np.pi / 180


def copies(number, pdg, charge, pt, eta=0.0, phi=0.0):
    def full(value, dtype=np.float64):
        return np.full(number, value, dtype)

    return Particles(
        full(0, np.int64), full(pdg, np.int64), full(charge), full(pt), full(eta), full(phi)
    )


def measure(*arguments, **keywords):
    return respond(copies(20_000, *arguments, **keywords), np.random.default_rng(0))


@pytest.mark.parametrize(
    ("pt", "eta", "efficiency"),
    [(0.5, 0.3, 0.70), (5.0, -1.2, 0.95), (0.5, 2.0, 0.60), (5.0, 2.0, 0.85)],
)
def test_the_share_of_tracks_found_is_the_efficiency_of_the_delphes_card(pt, eta, efficiency):
    found = measure(PION, 1.0, pt, eta).track_pt > 0
    assert found.mean() == pytest.approx(efficiency, abs=4 * np.sqrt(0.25 / found.size))
    assert track_efficiency(np.array([pt]), np.array([eta])) == efficiency


@pytest.mark.parametrize(
    ("pdg", "charge", "pt", "eta"),
    [(PHOTON, 0.0, 5.0, 0.0), (PION, 1.0, 0.09, 0.0), (PION, 1.0, 5.0, 2.6)],
)
def test_neutral_soft_and_forward_particles_leave_no_track(pdg, charge, pt, eta):
    assert not measure(pdg, charge, pt, eta).track_pt.any()


@pytest.mark.parametrize(("pt", "eta"), [(10.0, 0.2), (100.0, 1.0), (20.0, 2.0)])
def test_track_momenta_scatter_by_the_resolution_round_the_truth(pt, eta):
    found = measure(PION, 1.0, pt, eta).track_pt
    ratio = found[found > 0] / pt
    expected = track_resolution(np.array([pt]), np.array([eta]))[0]
    assert ratio.std() == pytest.approx(expected, rel=0.03)
    assert ratio.mean() == pytest.approx(1, abs=4 * expected / np.sqrt(ratio.size))


def test_resolutions_are_those_of_the_delphes_card():
    one = np.array([1.0])
    assert track_resolution(100 * one, 0.2 * one)[0] == pytest.approx(np.hypot(0.01, 0.015))
    assert track_resolution(100 * one, 1.2 * one)[0] == pytest.approx(np.hypot(0.015, 0.025))
    assert ecal_resolution(100 * one, one)[0] == pytest.approx(1.64 * np.hypot(0.8, 1.1))
    assert hcal_resolution(100 * one)[0] == pytest.approx(np.hypot(5, 15))


def test_an_electron_of_50_gev_bends_by_085_crystals():
    _, _, phi = calorimeter_entry(copies(1, ELECTRON, -1.0, 50.0))
    assert phi[0] / CRYSTAL == pytest.approx(0.85, abs=0.02)


def test_opposite_charges_bend_to_opposite_sides_and_neutral_particles_do_not_bend():
    shift = {
        charge: calorimeter_entry(copies(1, PION, charge, 3.0, 0.7))[2][0] for charge in (-1, 0, 1)
    }
    assert shift[0] == 0
    assert shift[1] == -shift[-1] < 0
    assert calorimeter_entry(copies(1, NEUTRON, 0.0, 3.0, 0.7))[1][0] == pytest.approx(0.7)


def test_entry_points_agree_with_a_helix_followed_in_small_steps():
    pt, eta, step = 1.1, 0.8, 1e-4
    place, direction = np.zeros(3), np.array([1.0, 0.0, np.sinh(eta)])
    turn = -0.299792458 * FIELD_T / pt * step
    rotation = np.array(
        [[np.cos(turn), -np.sin(turn), 0], [np.sin(turn), np.cos(turn), 0], [0, 0, 1]]
    )
    while np.hypot(*place[:2]) < CALORIMETER_RADIUS_M:
        place = place + step * direction
        direction = rotation @ direction
    reaches, entry_eta, entry_phi = calorimeter_entry(copies(1, PION, 1.0, pt, eta))
    assert reaches[0]
    assert entry_phi[0] == pytest.approx(np.arctan2(place[1], place[0]), abs=1e-3)
    assert entry_eta[0] == pytest.approx(np.arcsinh(place[2] / np.hypot(*place[:2])), abs=1e-3)


def test_particles_that_curl_up_deposit_nothing_in_the_calorimeters():
    just_arrives = 0.7348  # GeV: 0.2998 x 3.8 T x 1.29 m / 2
    curls = measure(PION, 1.0, 0.99 * just_arrives)
    arrives = measure(PION, 1.0, 1.01 * just_arrives)
    assert not (curls.ecal + curls.hcal).any()
    assert curls.track_pt.any()
    assert (arrives.ecal + arrives.hcal).any()


def test_photons_deposit_their_energy_in_the_ecal_with_its_resolution():
    photons = measure(PHOTON, 0.0, 50.0)
    sigma = ecal_resolution(np.array([50.0]), np.zeros(1))[0]
    assert photons.ecal.mean() == pytest.approx(50, abs=4 * sigma / np.sqrt(photons.ecal.size))
    assert photons.ecal.std() == pytest.approx(sigma, rel=0.03)
    assert not photons.hcal.any()


@pytest.mark.parametrize(("pdg", "charge"), [(PION, 1.0), (NEUTRON, 0.0)])
@pytest.mark.parametrize("pt", [2.0, 40.0])
def test_hadrons_deposit_their_energy_in_both_calorimeters_on_average(pdg, charge, pt):
    hadrons = measure(pdg, charge, pt, 0.5)
    energy = hadrons.ecal + hadrons.hcal
    error = energy.std() / np.sqrt(energy.size)
    assert energy.mean() == pytest.approx(pt * np.cosh(0.5), abs=4 * error)
    assert 0.25 < hadrons.ecal.mean() / energy.mean() < 0.45


def test_muons_leave_only_ionisation():
    muons = measure(MUON, -1.0, 60.0)
    assert muons.ecal.mean() == pytest.approx(0.25, abs=0.02)
    assert muons.hcal.mean() == pytest.approx(2.0, abs=0.1)


def test_measured_energies_are_never_negative():
    hadrons = measure(PION, 1.0, 0.8)
    assert min(hadrons.ecal.min(), hadrons.hcal.min(), hadrons.track_pt.min()) >= 0


def test_wrapped_angles_are_between_minus_pi_and_pi():
    wrapped = wrap(np.array([0.1, np.pi + 0.1, -np.pi - 0.1, 7.0]))
    assert wrapped == pytest.approx([0.1, 0.1 - np.pi, np.pi - 0.1, 7 - 2 * np.pi])


@pytest.mark.parametrize(
    ("pdg", "charge", "track", "ecal", "hcal"),
    [
        (PHOTON, 0.0, 0, 1, 0),
        (ELECTRON, -1.0, 1, 1, 0),
        (MUON, -1.0, 1, 0, 0),
        (PION, 1.0, 1, 0, 1),
        (NEUTRON, 0.0, 0, 0, 1),
    ],
)
def test_without_a_detector_all_is_exact_and_nothing_bends(pdg, charge, track, ecal, hcal):
    """Soft and forward particles, which a detector would not see."""
    exact = exact_response(copies(1, pdg, charge, 0.05, 2.6, 0.3))
    momentum = 0.05 * np.cosh(2.6)
    assert exact.track_pt == pytest.approx([0.05 * track])
    assert exact.ecal == pytest.approx([momentum * ecal])
    assert exact.hcal == pytest.approx([momentum * hcal])
    assert (exact.eta[0], exact.phi[0]) == (2.6, 0.3)
