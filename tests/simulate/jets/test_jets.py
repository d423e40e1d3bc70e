import multiprocessing
from concurrent.futures import ProcessPoolExecutor

import numpy as np
import pytest

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
    for column in (jets.pt, jets.m0, jets.label):
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
