import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from calobatch.evaluate.calibration import (
    BINS,
    calibration_error,
    reliability,
    wilson_interval,
)

probabilities = st.floats(0, 1, width=32)


def arrays(drawn):
    label, score = zip(*drawn, strict=True)
    return np.array(label, dtype=np.uint8), np.array(score, dtype=np.float32)


@given(st.lists(st.tuples(st.integers(0, 1), probabilities), min_size=1, max_size=60))
def test_the_error_is_the_sum_in_the_paper(drawn):
    label, score = arrays(drawn)
    error = 0.0
    for m in range(BINS):
        inside = (score >= m / BINS) & ((score < (m + 1) / BINS) | (m == BINS - 1))
        if inside.any():
            gap = abs(label[inside].mean() - score[inside].mean(dtype=np.float64))
            error += inside.sum() / len(label) * gap
    assert calibration_error(label, score) == pytest.approx(error, abs=1e-12)


@given(st.lists(st.tuples(st.integers(0, 1), probabilities), min_size=1, max_size=60))
def test_every_event_is_in_one_bin_and_no_bin_is_empty(drawn):
    label, score = arrays(drawn)
    bins = reliability(label, score)
    assert bins.events.sum() == len(label)
    assert bins.signal.sum() == label.sum()
    assert bins.events.min() > 0
    assert np.average(bins.mean_score, weights=bins.events) == pytest.approx(
        score.mean(dtype=np.float64)
    )


def test_scores_that_are_the_true_probability_have_a_small_error():
    random = np.random.default_rng(1)
    score = random.random(200_000).astype(np.float32)
    label = (random.random(200_000) < score).astype(np.uint8)
    assert calibration_error(label, score) < 0.005
    assert calibration_error(1 - label, score) == pytest.approx(0.5, abs=0.01)


@given(st.integers(1, 10_000), st.data())
def test_each_wilson_bound_is_one_standard_deviation_from_the_share(trials, data):
    successes = data.draw(st.integers(0, trials))
    share = successes / trials
    low, high = wilson_interval(np.array([share]), np.array([trials]))
    assert -1e-12 <= low[0] <= share <= high[0] <= 1 + 1e-12
    for bound in (low[0], high[0]):
        assert (share - bound) ** 2 == pytest.approx(bound * (1 - bound) / trials, abs=1e-9)


def test_a_share_of_zero_or_one_lies_within_its_interval_for_any_number_of_trials():
    trials = np.arange(1, 5000)
    assert np.all(wilson_interval(np.zeros(4999), trials)[0] <= 0)
    assert np.all(wilson_interval(np.ones(4999), trials)[1] >= 1)
