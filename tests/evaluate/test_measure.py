import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score, roc_auc_score

from calobatch.evaluate.measure import background_rejection, measure
from calobatch.run.predictions import Predictions

CLASSES = ("photon", "electron")


def labels(signal, background):
    return np.repeat(np.array([1, 0], dtype=np.uint8), [signal, background])


@settings(deadline=None)  # sklearn is slow on its first call
@given(st.integers(1, 30), st.integers(1, 30), st.sampled_from([50, 70]), st.randoms())
def test_rejection_is_measured_at_the_tightest_cut_with_enough_signal(
    signal, background, percent, shuffler
):
    ranks = list(range(signal + background))
    shuffler.shuffle(ranks)
    score = np.array(ranks, dtype=np.float32)
    label = labels(signal, background)
    kept = -(-percent * signal // 100)
    cut = np.sort(score[label == 1])[::-1][kept - 1]
    left = int((score[label == 0] > cut).sum())
    expected = pytest.approx(background / left) if left else None
    assert background_rejection(Predictions(label, score), percent / 100) == expected


def test_rejection_within_a_tie_is_interpolated():
    score = np.full(40, 0.4, dtype=np.float32)
    assert background_rejection(Predictions(labels(10, 30), score), 0.5) == pytest.approx(2.0)
    assert background_rejection(Predictions(labels(10, 30), score), 0.7) == pytest.approx(1 / 0.7)


@settings(max_examples=20, deadline=None)
@given(
    st.lists(st.floats(0, 1, width=32), min_size=2, max_size=30),
    st.lists(st.floats(0, 1, width=32), min_size=2, max_size=30),
)
def test_metrics_are_consistent_with_one_another(signal, background):
    label = labels(len(signal), len(background))
    score = np.array(signal + background, dtype=np.float32)
    metrics = measure(Predictions(label, score), CLASSES)
    (true_negative, false_positive), (false_negative, true_positive) = metrics.confusion
    assert metrics.events == len(label)
    assert true_negative + false_positive == len(background)
    assert false_negative + true_positive == len(signal)
    assert metrics.accuracy == pytest.approx((true_negative + true_positive) / len(label))
    assert 0 <= metrics.auc_low <= metrics.auc_high <= 1
    assert math.isfinite(metrics.log_loss)
    wins = np.subtract.outer(signal, background)
    assert metrics.auc == pytest.approx(np.mean((wins > 0) + 0.5 * (wins == 0)))


def test_a_score_of_exactly_one_half_is_called_background():
    metrics = measure(Predictions(labels(2, 3), np.full(5, 0.5, dtype=np.float32)), CLASSES)
    assert metrics.confusion == ((3, 0), (2, 0))


def test_log_loss_is_the_mean_negative_log_of_the_probability_of_the_true_class():
    score = np.array([0.9, 0.6, 0.2, 0.5], dtype=np.float32)
    surprise = -np.log([0.9, 0.6, 0.8, 0.5]).mean()
    assert measure(Predictions(labels(2, 2), score), CLASSES).log_loss == pytest.approx(
        surprise, rel=1e-6
    )


def test_the_loss_of_an_event_with_a_score_of_exactly_1_is_bounded():
    metrics = measure(Predictions(labels(1, 1), np.array([1.0, 1.0], dtype=np.float32)), CLASSES)
    assert metrics.log_loss == pytest.approx(-np.log(1e-12) / 2, rel=1e-4)


def test_separated_classes_leave_no_background():
    metrics = measure(
        Predictions(labels(5, 5), np.array([0.9] * 5 + [0.1] * 5, dtype=np.float32)), CLASSES
    )
    assert (metrics.auc, metrics.average_precision, metrics.accuracy) == (1.0, 1.0, 1.0)
    assert metrics.rejection_at_50 is None
    assert metrics.rejection_at_70 is None


THREE = ("muon", "pion", "kaon")


@pytest.fixture(scope="module")
def of_three():
    """Labels, probabilities and metrics of three classes; muons stand out, the others less so."""
    random = np.random.default_rng(5)
    label = np.repeat(np.array([0, 1, 2], dtype=np.uint8), [300, 200, 100])
    logit = random.normal(size=(600, 3)) + np.array([3.0, 1.0, 1.0])[label, None] * np.eye(3)[label]
    weight = np.exp(logit)
    score = (weight / weight.sum(axis=1, keepdims=True)).astype(np.float32)
    return label, score, measure(Predictions(label, score), THREE)


def test_each_of_three_classes_is_measured_against_all_others(of_three):
    label, score, metrics = of_three
    assert list(metrics.classes) == list(THREE)
    for number, found in enumerate(metrics.classes.values()):
        is_class = label == number
        assert found.auc == pytest.approx(roc_auc_score(is_class, score[:, number]))
        expected = average_precision_score(is_class, score[:, number])
        assert found.average_precision == pytest.approx(expected)
        assert found.auc_low < found.auc < found.auc_high
    assert metrics.auc == pytest.approx(np.mean([found.auc for found in metrics.classes.values()]))
    assert metrics.auc_low < metrics.auc < metrics.auc_high
    assert metrics.auc_high - metrics.auc_low < max(
        found.auc_high - found.auc_low for found in metrics.classes.values()
    )


def test_each_pair_of_three_classes_is_measured_by_their_two_probabilities(of_three):
    label, score, metrics = of_three
    assert [(p.first, p.second) for p in metrics.pairs] == [
        ("muon", "pion"), ("muon", "kaon"), ("pion", "kaon"),
    ]  # fmt: skip
    of_pair = label != 0
    ratio = score[of_pair, 2] / (score[of_pair, 1] + score[of_pair, 2])
    assert metrics.pairs[2].auc == pytest.approx(roc_auc_score(label[of_pair] == 2, ratio))
    assert all(pair.auc_low < pair.auc < pair.auc_high for pair in metrics.pairs)


def test_the_confusion_of_three_classes_counts_every_event_once(of_three):
    label, score, metrics = of_three
    confusion = np.array(metrics.confusion)
    np.testing.assert_array_equal(confusion.sum(axis=1), [300, 200, 100])
    assert metrics.accuracy == pytest.approx(np.trace(confusion) / 600)
    assert confusion[0, 2] == np.sum((label == 0) & (score.argmax(axis=1) == 2))


def test_three_classes_have_no_rejection_and_the_calibration_of_the_predicted_class(of_three):
    label, _, metrics = of_three
    assert metrics.rejection_at_50 is None
    certain = np.eye(3, dtype=np.float32)[label]
    assert measure(Predictions(label, certain), THREE).calibration_error == 0.0
    assert 0 < metrics.calibration_error < 0.2


def test_three_separated_classes_have_an_auc_of_1_with_an_interval(of_three):
    label, _, _ = of_three
    metrics = measure(Predictions(label, np.eye(3, dtype=np.float32)[label]), THREE)
    assert metrics.auc == 1.0
    assert 0.9 < metrics.auc_low < 1.0


def test_an_event_without_a_probability_for_either_class_of_a_pair_counts_half():
    label = np.array([1, 2, 0, 1, 2], dtype=np.uint8)
    score = np.eye(3, dtype=np.float32)[[0, 0, 0, 1, 2]]
    assert measure(Predictions(label, score), THREE).pairs[2].auc == pytest.approx(0.875)


def test_metrics_of_two_classes_have_no_part_for_classes():
    metrics = measure(Predictions(labels(5, 5), np.linspace(0, 1, 10, dtype=np.float32)), CLASSES)
    assert not {"classes", "pairs"} & set(metrics.model_dump())


@settings(max_examples=30, deadline=None)
@given(st.sampled_from([2, 3]), st.integers(0, 2**32 - 1))
def test_an_event_with_weight_n_counts_as_n_events(classes, seed):
    """All metrics but the intervals, which depend on how many events are drawn."""
    random = np.random.default_rng(seed)
    label = np.arange(60, dtype=np.uint8) % classes
    weight = random.integers(0, 4, 60) + (np.arange(60) < classes)
    score = random.random((60, classes)).round(1).astype(np.float32) + np.float32(0.05)
    score /= score.sum(axis=1, keepdims=True)
    score = score[:, 1] if classes == 2 else score
    names = CLASSES if classes == 2 else THREE
    weighted = measure(Predictions(label, score, weight.astype(np.float64)), names).model_dump()
    repeated = Predictions(np.repeat(label, weight), np.repeat(score, weight, axis=0))
    for name, expected in measure(repeated, names).model_dump().items():
        if name in ("events", "auc_low", "auc_high", "classes", "pairs"):
            continue  # the last two are compared below
        if expected is None:
            assert weighted[name] is None
        else:
            np.testing.assert_allclose(weighted[name], expected, rtol=1e-6, err_msg=name)
    expected = measure(repeated, names)
    for name, of_class in expected.classes.items():
        found = weighted["classes"][name]
        assert found["auc"] == pytest.approx(of_class.auc)
        assert found["average_precision"] == pytest.approx(of_class.average_precision)
    for number, pair in enumerate(expected.pairs):
        assert weighted["pairs"][number]["auc"] == pytest.approx(pair.auc)
    assert len(expected.pairs) == (3 if classes == 3 else 0)
    assert weighted["events"] == 60
    assert weighted["effective_events"] == pytest.approx(
        weight.sum() ** 2 / np.square(weight).sum()
    )
