import numpy as np
import pytest

from calobatch.simulate.jets.calorimeter import CRYSTAL, TOWER, Spots
from calobatch.simulate.jets.detector import Response, wrap
from calobatch.simulate.jets.generator import Particles
from calobatch.simulate.jets.image import Hits, hits_near, jet_images

NOTHING = Spots(np.zeros(0, int), np.zeros(0), np.zeros(0), np.zeros(0))


def one_hit(energy, eta, phi):
    return Spots(np.zeros(1, int), np.array([energy]), np.array([eta]), np.array([phi]))


def image(hits, eta=0.0, phi=0.0):
    rng = np.random.default_rng(0)
    image_BCHW, centred = jet_images(hits, np.array([eta]), np.array([phi]), rng)
    return image_BCHW[0], centred[0]


def spray(phi):
    """Return hits of a jet round eta 0.4 and ``phi``."""
    rng = np.random.default_rng(4)

    def scattered(number, energy):
        shift_eta, shift_phi = rng.normal(0, 0.25, (2, number))
        return Spots(
            np.zeros(number, int),
            rng.exponential(energy, number),
            0.4 + shift_eta,
            wrap(phi + shift_phi),
        )

    return Hits(scattered(40, 3.0), scattered(40, 3.0), scattered(40, 1.0), scattered(30, 8.0))


@pytest.mark.parametrize("towers", [20, 36, -30])
def test_an_image_does_not_change_across_the_seam_in_phi(towers):
    """A jet turned by whole towers, across the seam at pi, gives the same image."""
    here, _ = image(spray(0.2), 0.4, 0.2)
    there, _ = image(spray(wrap(0.2 + towers * TOWER)), 0.4, wrap(0.2 + towers * TOWER))
    assert np.count_nonzero(here[0]) > 30
    assert there == pytest.approx(here, abs=1e-5)


def test_rows_run_along_eta_and_columns_along_phi():
    hot = one_hit(50.0, 0.5 * TOWER, 0.5 * TOWER)  # middle of the tower, so of pixel [62, 62]
    track = one_hit(7.0, 0.5 * TOWER + 10 * CRYSTAL, 0.5 * TOWER - 4 * CRYSTAL)
    image_CHW, centred = image(Hits(track, NOTHING, NOTHING, hot))
    assert centred
    assert np.argwhere(image_CHW[0]).tolist() == [[72, 58]]
    assert image_CHW[0, 72, 58] == 7


def test_tower_energy_is_shared_by_25_pixels():
    image_CHW, _ = image(Hits(NOTHING, NOTHING, NOTHING, one_hit(80.0, 0.01, 0.01)))
    assert image_CHW[2].sum() == pytest.approx(80, rel=0.1)  # a tail may leave the image
    assert np.unique(image_CHW[2, 60:65, 60:65]).size == 1
    assert np.argmax(image_CHW[2]) == 60 * 125 + 60


def test_the_centre_is_the_hottest_tower_within_three_towers_of_the_axis():
    def tower(number, energy):
        return one_hit(energy, (number + 0.5) * TOWER, 0.5 * TOWER)

    near, far = tower(3, 40.0), tower(-6, 200.0)
    both = Spots(*(np.concatenate(columns) for columns in zip(near, far, strict=True)))
    image_CHW, _ = image(Hits(NOTHING, NOTHING, NOTHING, both), 0.5 * TOWER, 0.5 * TOWER)
    tower_TT = image_CHW[2, 2::5, 2::5]
    assert tower_TT[12, 12] == tower_TT[9:16, 9:16].max()
    assert np.unravel_index(np.argmax(tower_TT), tower_TT.shape) == (3, 12)


def test_a_jet_without_hcal_energy_has_no_centre():
    assert not image(Hits(one_hit(9.0, 0.0, 0.0), NOTHING, NOTHING, NOTHING))[1]


def test_no_jet_gives_no_image():
    """All collisions of a small batch may fail the selection."""
    nothing, rng = np.zeros(0), np.random.default_rng(0)
    image_BCHW, centred = jet_images(Hits(*[NOTHING] * 4), nothing, nothing, rng)
    assert image_BCHW.shape == (0, 3, 125, 125)
    assert centred.shape == (0,)


def test_channel_1_has_the_ecal_energy_of_both_kinds_of_shower():
    hits = Hits(NOTHING, one_hit(30.0, 0.1, 0.1), one_hit(20.0, -0.1, 0.1), NOTHING)
    image_CHW, _ = image(hits)
    assert image_CHW[1].sum() == pytest.approx(50, rel=0.1)
    assert not image_CHW[0].any()


def test_hits_of_dropped_collisions_and_far_from_the_jet_are_left_out():
    event = np.array([0, 1, 1, 2])
    eta, phi = np.zeros(4), np.array([0.0, 0.1, 3.0, 3.1])
    one = np.ones(4)
    particles = Particles(event, np.full(4, 211), one, 10 * one, eta, phi)
    response = Response(10 * one, 4 * one, 6 * one, eta, phi, np.array([True, True, True, False]))
    axis_phi = np.array([0.0, 0.0, -3.1])
    hits = hits_near(particles, response, np.zeros(3), axis_phi, np.array([False, True, True]))
    assert hits.tracks.event.tolist() == [0, 1]
    assert hits.tracks.phi.tolist() == [0.1, 3.1]
    assert hits.narrow.event.tolist() == [0]
    assert hits.broad.event.tolist() == [1]
    assert hits.hcal.energy.tolist() == [6.0, 6.0]


def test_without_a_detector_each_particle_is_one_pixel_or_one_tower():
    middle = 0.5 * TOWER
    hits = Hits(
        NOTHING, one_hit(0.05, 0.1, 0.1), NOTHING, one_hit(0.4, middle, middle)
    )  # both below the thresholds of the detector
    rng = np.random.default_rng(0)
    image_BCHW, centred = jet_images(hits, np.zeros(1), np.zeros(1), rng, detector=False)
    assert centred.tolist() == [True]
    assert np.count_nonzero(image_BCHW[0], axis=(1, 2)).tolist() == [0, 1, 25]
    assert image_BCHW[0].sum((1, 2)) == pytest.approx([0, 0.05, 0.4])
