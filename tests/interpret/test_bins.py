"""AUC in bins, and the events that a model is most certain about."""

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from calobatch.config.dataset import Split
from calobatch.interpret.bins import FEWEST_EVENTS, MOST_BINS, quantities
from calobatch.interpret.confident import LARGEST_SHARE, MOST_EVENTS, confident_groups
from calobatch.pack.pack import pack
from calobatch.run.predictions import Predictions
from calobatch.store import open_store
from tests.layouts import SMALL_JETS
from tests.raw_files import Events, random_events, write_hdf5

EVENTS = 700
LAYOUT = SMALL_JETS.model_copy(update={"official_test_mark": None, "shares": None})


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    folder = tmp_path_factory.mktemp("bins")
    events = random_events(LAYOUT, [0, 1] * (EVENTS // 2), seed=5)
    image = np.random.default_rng(6).exponential(size=events.image_BCHW.shape).astype(np.float32)
    write_hdf5(folder / "raw.hdf5", LAYOUT, Events(image, *events[1:]))
    pack("data", LAYOUT, [folder / "raw.hdf5"], folder / "store", split=Split(), zero_below=0.0)
    return open_store(folder / "store")


def scores(store, random):
    """Scores that are better for events with a larger pt."""
    pt = store.scalars_BS[:, 0]
    shift = 2 * store.label * (pt - pt.min()) / np.ptp(pt)
    return (1 / (1 + np.exp(-random.normal(size=len(pt)) - shift))).astype(np.float32)


def test_each_bin_has_the_auc_of_its_events_and_all_events_are_in_one(store):
    test = Predictions(store.label, scores(store, np.random.default_rng(3)))
    found = quantities(store, np.arange(EVENTS), test, 0.95)
    names = [quantity.name for quantity in found]
    assert names == ["pt", "m0", *(f"sum of {channel.name}" for channel in LAYOUT.channels)]
    sum_BC = store.dense(np.arange(EVENTS)).sum(axis=(2, 3), dtype=np.float64)
    values = [*store.scalars_BS.T, *sum_BC.T]
    for quantity, value in zip(found, values, strict=True):
        assert len(quantity.bins) == MOST_BINS
        assert sum(b.events for b in quantity.bins) == EVENTS
        for index, b in enumerate(quantity.bins):
            inside = (value >= b.low) & ((value < b.high) | (index == MOST_BINS - 1))
            assert inside.sum() == b.events
            assert b.auc == pytest.approx(roc_auc_score(store.label[inside], test.score[inside]))
            assert b.auc_low < b.auc < b.auc_high
    pt = found[0].bins
    assert pt[-1].auc_low > pt[0].auc_high


def test_too_few_events_have_no_bins(store):
    few = np.arange(2 * FEWEST_EVENTS - 1)
    test = Predictions(store.label[few], scores(store, np.random.default_rng(3))[few])
    assert {quantity.bins for quantity in quantities(store, few, test, 0.95)} == {()}


def test_a_value_that_most_events_have_makes_fewer_bins_and_not_empty_ones(store):
    same = store.scalars_BS.copy()
    same[: EVENTS // 2, 0] = same[:, 0].max() + 1
    same[:, 1] = 7
    test = Predictions(store.label, scores(store, np.random.default_rng(3)))
    changed = type(store)(**(vars(store) | {"scalars_BS": same}))
    pt, m0, *_ = quantities(changed, np.arange(EVENTS), test, 0.95)
    assert 1 < len(pt.bins) < MOST_BINS
    assert sum(b.events for b in pt.bins) == EVENTS
    assert m0.bins == ()


def test_events_without_weight_do_not_make_a_bin(store):
    pt = store.scalars_BS[:, 0]
    weight = np.where((pt < np.median(pt)) & (store.label == 1), 0.0, 1.0)
    test = Predictions(store.label, scores(store, np.random.default_rng(3)), weight)
    found = quantities(store, np.arange(EVENTS), test, 0.95)[0]
    assert 1 < len(found.bins) < MOST_BINS
    assert all(b.auc_low <= b.auc <= b.auc_high for b in found.bins)


@pytest.mark.parametrize("classes", [2, 3])
def test_confident_events_are_those_with_the_highest_probabilities(classes):
    random = np.random.default_rng(8)
    label = np.arange(6000).astype(np.uint8) % classes
    logits = random.normal(size=(6000, classes)) + 0.7 * np.eye(classes)[label]
    score_BK = (np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)).astype(np.float32)
    test = Predictions(label, score_BK[:, 1] if classes == 2 else score_BK)
    groups = confident_groups(test)
    assert [(g.label, g.right) for g in groups] == [
        (k, right) for k in range(classes) for right in (True, False)
    ]
    predicted, probability = score_BK.argmax(axis=1), score_BK.max(axis=1)
    for group in groups:
        others = (label == group.label) & ((predicted == label) == group.right)
        assert others[group.place].all()
        assert len(group.place) <= min(MOST_EVENTS, LARGEST_SHARE * (label == group.label).sum())
        assert probability[group.place].min() == pytest.approx(group.lowest)
        others[group.place] = False
        assert probability[others].max() <= group.lowest + 1e-6


def test_a_model_that_is_never_wrong_has_no_confident_mistakes():
    label = np.array([0, 1] * 20, np.uint8)
    right, wrong = confident_groups(Predictions(label, label.astype(np.float32)))[:2]
    assert (len(right.place), right.lowest) == (2, 1.0)
    assert (len(wrong.place), wrong.lowest) == (0, None)
