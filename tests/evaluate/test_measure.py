import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from calobatch.evaluate.measure import background_rejection, measure


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
    assert background_rejection(label, score, percent / 100) == expected


def test_rejection_within_a_tie_is_interpolated():
    score = np.full(40, 0.4, dtype=np.float32)
    assert background_rejection(labels(10, 30), score, 0.5) == pytest.approx(2.0)
    assert background_rejection(labels(10, 30), score, 0.7) == pytest.approx(1 / 0.7)


@settings(max_examples=20, deadline=None)
@given(
    st.lists(st.floats(0, 1, width=32), min_size=2, max_size=30),
    st.lists(st.floats(0, 1, width=32), min_size=2, max_size=30),
)
def test_metrics_are_consistent_with_one_another(signal, background):
    label = labels(len(signal), len(background))
    score = np.array(signal + background, dtype=np.float32)
    metrics = measure(label, score)
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
    metrics = measure(labels(2, 3), np.full(5, 0.5, dtype=np.float32))
    assert metrics.confusion == ((3, 0), (2, 0))


def test_log_loss_is_the_mean_negative_log_of_the_probability_of_the_true_class():
    score = np.array([0.9, 0.6, 0.2, 0.5], dtype=np.float32)
    surprise = -np.log([0.9, 0.6, 0.8, 0.5]).mean()
    assert measure(labels(2, 2), score).log_loss == pytest.approx(surprise, rel=1e-6)


def test_the_loss_of_an_event_with_a_score_of_exactly_1_is_bounded():
    metrics = measure(labels(1, 1), np.array([1.0, 1.0], dtype=np.float32))
    assert metrics.log_loss == pytest.approx(-np.log(1e-12) / 2, rel=1e-4)


def test_separated_classes_leave_no_background():
    metrics = measure(labels(5, 5), np.array([0.9] * 5 + [0.1] * 5, dtype=np.float32))
    assert (metrics.auc, metrics.average_precision, metrics.accuracy) == (1.0, 1.0, 1.0)
    assert metrics.rejection_at_50 is None
    assert metrics.rejection_at_70 is None
