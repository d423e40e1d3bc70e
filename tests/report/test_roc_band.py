import numpy as np
import pytest
from scipy.stats import norm

from calobatch.report.roc_band import roc_band
from calobatch.run.predictions import Predictions

SEPARATION = 1.0
EFFICIENCY = np.array([0.2, 0.5, 0.8])
# The background efficiency of a cut that keeps so much of the signal.
TRUE_LEFT = norm.sf(norm.isf(EFFICIENCY) + SEPARATION)


def drawn(random, events, weight=None):
    label = (np.arange(events) % 2).astype(np.uint8)
    score = norm.cdf(random.normal(SEPARATION * label)).astype(np.float32)
    return Predictions(label, score, weight)


@pytest.mark.parametrize(("events", "weighted"), [(200, True), (2_000, False)])
def test_the_band_has_the_true_curve_as_often_as_it_says(events, weighted):
    random = np.random.default_rng(events)
    inside = np.zeros(len(EFFICIENCY))
    trials = 100
    for _ in range(trials):
        weight = random.choice([0.5, 2.0], events) if weighted else None
        low, high = roc_band(drawn(random, events, weight), 1, EFFICIENCY, 0.95)
        inside += (low <= TRUE_LEFT) & (high >= TRUE_LEFT)
    # Three standard deviations of a draw of 100 are 0.065.
    assert (np.abs(inside / trials - 0.95) < 0.07).all()


def test_the_band_contains_the_curve_and_shrinks_with_the_root_of_the_events():
    random = np.random.default_rng(3)
    widths = []
    for events in (1_000, 100_000):
        test = drawn(random, events)
        low, high = roc_band(test, 1, EFFICIENCY, 0.95)
        cuts = [np.quantile(test.score[test.label == 1], 1 - keep) for keep in EFFICIENCY]
        left = np.array([np.mean(test.score[test.label == 0] >= cut) for cut in cuts])
        assert (low < left).all()
        assert (left < high).all()
        widths.append(high - low)
    assert widths[0] / widths[1] == pytest.approx([10, 10, 10], rel=0.25)


def test_each_class_of_several_is_a_signal_in_turn():
    random = np.random.default_rng(4)
    label = np.repeat(np.arange(3, dtype=np.uint8), 500)
    score = random.dirichlet([1, 1, 1], 1500)
    score[np.arange(1500), label] += 1
    test = Predictions(label, (score / score.sum(axis=1, keepdims=True)).astype(np.float32))
    for signal in range(3):
        low, high = roc_band(test, signal, EFFICIENCY, 0.95)
        assert (low <= high).all()
        assert high[0] < 0.1


def test_the_same_events_give_the_same_band():
    test = drawn(np.random.default_rng(5), 500)
    first, second = (roc_band(test, 1, EFFICIENCY, 0.95) for _ in range(2))
    assert (first.low == second.low).all()
    assert (first.high == second.high).all()
