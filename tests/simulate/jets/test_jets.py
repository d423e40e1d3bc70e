import multiprocessing
from concurrent.futures import ProcessPoolExecutor

import numpy as np
import pytest

from calobatch.config.generator import Generator
from calobatch.errors import JobError
from calobatch.simulate.jets.jets import Jets, simulate_jets

QUARKS, GLUONS = 140, 120
LARGEST_SEED = 2**63 - 1


@pytest.fixture(scope="module")
def jets():
    return simulate_jets(QUARKS, GLUONS, seed=1)


def tracks(jets: Jets):
    return np.count_nonzero(jets.image_BCHW[:, 0], axis=(1, 2))


def test_the_number_of_jets_of_each_kind_is_exactly_as_requested(jets):
    assert np.count_nonzero(jets.label == 1.0) == QUARKS
    assert np.count_nonzero(jets.label == 0.0) == GLUONS


def test_arrays_have_the_documented_shapes_and_types(jets):
    assert jets.image_BCHW.shape == (QUARKS + GLUONS, 3, 125, 125)
    assert jets.image_BCHW.dtype == np.float32
    for column in (jets.pt, jets.m0, jets.multiplicity, jets.label):
        assert column.shape == (QUARKS + GLUONS,)
        assert column.dtype == np.float64


def test_labels_are_in_random_order(jets):
    changes = np.count_nonzero(np.diff(jets.label))
    assert changes > 80  # 129 expected, 1 or so if sorted


def test_jets_pass_the_selection(jets):
    assert jets.pt.min() > 70
    assert jets.pt.max() < 340
    assert np.all((jets.m0 > 0) & (jets.m0 < jets.pt))


def test_pixels_are_zero_or_at_least_a_thousandth_of_a_gev(jets):
    filled = jets.image_BCHW[jets.image_BCHW != 0]
    assert filled.min() >= 1e-3
    assert np.isfinite(filled).all()


def test_every_hcal_tower_fills_5_by_5_equal_pixels(jets):
    blocks = jets.image_BCHW[:, 2].reshape(-1, 25, 5, 25, 5)
    assert np.array_equal(blocks.max((2, 4)), blocks.min((2, 4)))


def test_the_hottest_tower_near_the_axis_is_in_the_middle(jets):
    tower_BTT = jets.image_BCHW[:, 2, 2::5, 2::5]
    middle = tower_BTT[:, 12, 12]
    assert middle.min() > 0
    # The search ends 3 towers to either side of the axis; beyond, there may be a hotter tower.
    assert np.mean(middle >= tower_BTT[:, 11:14, 11:14].max((1, 2))) > 0.97
    assert np.mean(middle >= tower_BTT.max((1, 2))) > 0.85


def test_the_number_of_filled_pixels_is_in_the_expected_range(jets):
    fill = np.count_nonzero(jets.image_BCHW, axis=(2, 3)).mean(0)
    assert np.all(fill > [12, 90, 250])
    assert np.all(fill < [50, 250, 500])


def test_calorimeter_energy_agrees_with_the_jet(jets):
    offset = np.arange(125) - 62
    cone_HW = np.hypot(offset[:, None], offset) * np.pi / 180 < 0.5
    energy = (jets.image_BCHW[:, 1:] * cone_HW).sum((1, 2, 3))
    # The jets' mean cosh(eta) is 1.33; a tenth of the energy stays below the cells' thresholds.
    assert 1.1 < np.mean(energy) / np.mean(jets.pt) < 1.3


def test_gluon_jets_have_more_tracks_than_quark_jets(jets):
    number = tracks(jets)
    quark, gluon = number[jets.label == 1], number[jets.label == 0]
    error = np.hypot(quark.std() / np.sqrt(QUARKS), gluon.std() / np.sqrt(GLUONS))
    assert gluon.mean() - quark.mean() > 4 * error


def test_the_same_seed_gives_the_same_jets_in_any_process_and_silently(capfd):
    simulate_jets(1, 1, seed=5)  # what ran before in a process must not matter
    here = simulate_jets(3, 2, LARGEST_SEED, pile_up=1)
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
        there = pool.submit(simulate_jets, 3, 2, LARGEST_SEED, 1).result()
    for one, other in zip(here, there, strict=True):
        assert np.array_equal(one, other)
    assert capfd.readouterr() == ("", "")


def test_another_seed_gives_other_jets():
    assert not np.intersect1d(simulate_jets(3, 0, 0).pt, simulate_jets(3, 0, 1).pt).size


def test_the_number_of_jets_of_a_kind_may_be_zero():
    assert len(simulate_jets(0, 0, 0).pt) == 0
    assert simulate_jets(0, 2, 0).label.tolist() == [0.0, 0.0]


def test_pile_up_fills_the_images(jets):
    crowded = simulate_jets(8, 8, seed=3, pile_up=10)
    assert tracks(crowded).mean() > 1.5 * tracks(jets).mean()


def test_a_negative_number_is_refused():
    with pytest.raises(ValueError, match="gluons=-1"):
        simulate_jets(1, -1, 0)


def test_the_defaults_give_the_jets_of_the_version_before_there_was_a_generator_to_choose():
    """A finished scenario stays what it is: these numbers are that version's.

    They are compared as numbers, because another processor may change the last bits.
    """
    jets = simulate_jets(3, 2, seed=1, pile_up=2)
    assert jets.label.tolist() == [1, 0, 1, 0, 1]
    assert jets.pt == pytest.approx(
        [172.546760608, 172.354837308, 79.860140638, 199.221134051, 79.641266963]
    )
    assert jets.m0 == pytest.approx(
        [11.572609457, 36.514301592, 6.389670837, 23.177872745, 7.284854858]
    )
    assert np.count_nonzero(jets.image_BCHW, axis=(2, 3)).tolist() == [
        [40, 219, 450], [43, 355, 1025], [13, 103, 175], [28, 217, 550], [28, 149, 400],
    ]  # fmt: skip
    assert jets.image_BCHW.sum((1, 2, 3), dtype=float) == pytest.approx(
        [561.124719318, 527.483537398, 180.235604744, 409.499056187, 253.905909329]
    )


def test_jets_are_in_the_ranges_of_the_generator():
    narrow = Generator(pt_min=90, pt_max=110, eta_max=0.8, radius=0.4, detector=False)
    jets = simulate_jets(15, 15, seed=2, settings=narrow)
    assert np.all((jets.pt > 90) & (jets.pt < 110))
    # Charged particles are measured twice, as tracks and by the calorimeters. The energy of a jet
    # of the largest eta is 1.34 times its pt, and there is more in the image than the jet.
    calorimeters = jets.image_BCHW[:, 1:].sum((1, 2, 3))
    assert np.all(calorimeters > 0.95 * jets.pt)


def test_without_a_detector_a_jet_has_all_its_particles():
    exact = simulate_jets(20, 20, seed=2, settings=Generator(detector=False))
    seen = simulate_jets(20, 20, seed=2)
    assert exact.multiplicity.mean() > seen.multiplicity.mean()
    assert np.all(exact.multiplicity >= 2)
    assert np.array_equal(exact.multiplicity, np.round(exact.multiplicity))


def test_ranges_in_which_there_is_no_jet_are_given_up(monkeypatch):
    monkeypatch.setattr("calobatch.simulate.jets.jets.EMPTY_BATCHES", 2)
    with pytest.raises(JobError, match="no quark jet was selected in 2 batches"):
        simulate_jets(1, 0, seed=1, settings=Generator(pt_min=169.9, pt_max=169.91))
