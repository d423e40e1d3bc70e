import numpy as np
import pytest

from calobatch.compare.delong import delong, two_sided
from calobatch.compare.paired_bootstrap import paired_differences
from calobatch.run.auc import auc
from calobatch.run.predictions import Predictions


def drawn(random, events, first=1.0, second=1.0, shared=0.5):
    """Two scores that separate the classes so well, with some of their noise in common."""
    label = (np.arange(events) % 2).astype(np.uint8)
    common = random.normal(size=events)
    scores = [
        power * label + shared * common + (1 - shared**2) ** 0.5 * random.normal(size=events)
        for power in (first, second)
    ]
    return label, *scores


def by_definition(label, first, second):
    """The variance of the difference, from all pairs of events, as DeLong and others define it."""
    psi = [
        (score[label == 1, None] > score[None, label == 0])
        + 0.5 * (score[label == 1, None] == score[None, label == 0])
        for score in (first, second)
    ]
    difference = psi[1] - psi[0]
    of_signal, of_background = difference.mean(axis=1), difference.mean(axis=0)
    return np.var(of_signal, ddof=1) / len(of_signal) + np.var(of_background, ddof=1) / len(
        of_background
    )


@pytest.mark.parametrize("rounded", [False, True])
def test_difference_and_error_are_those_of_the_definition(rounded):
    label, first, second = drawn(np.random.default_rng(1), 301, second=1.4)
    if rounded:  # many ties
        first, second = np.round(first), np.round(second)
    found = delong(label, first, second)
    assert found.difference == pytest.approx(auc(label, second) - auc(label, first), abs=1e-12)
    assert found.error**2 == pytest.approx(by_definition(label, first, second), rel=1e-9)


def test_without_a_difference_one_in_twenty_is_called_significant():
    random = np.random.default_rng(2)
    found = [delong(*drawn(random, 400)).p < 0.05 for _ in range(1000)]
    # Three standard deviations of 1,000 draws are 0.021.
    assert np.mean(found) == pytest.approx(0.05, abs=0.025)


def test_the_error_is_that_of_the_paired_bootstrap():
    label, first, second = drawn(np.random.default_rng(3), 1000, second=1.2, shared=0.9)
    tests = [Predictions(label, score.astype(np.float32)) for score in (first, second)]
    replicas = paired_differences(tests[:1], tests[1:])
    found = delong(label, first, second)
    assert np.std(replicas) == pytest.approx(found.error, rel=0.1)
    # Scores with much noise in common differ by much less than their own uncertainties.
    alone = paired_differences(
        tests[:1], [Predictions(label, np.roll(second, 2).astype(np.float32))]
    )
    assert np.std(alone) > 2 * found.error


def test_scores_in_the_same_order_do_not_differ():
    label, first, _ = drawn(np.random.default_rng(4), 100)
    assert delong(label, first, np.exp(first)) == (0, 0, 1)


def test_p_values_are_those_of_a_normal_distribution():
    assert two_sided(1.959964, 1) == pytest.approx(0.05, abs=1e-6)
    assert two_sided(-10, 1) == pytest.approx(1.52e-23, rel=0.01)
