import math

import numpy as np
import pytest
from scipy.stats import binomtest

from calobatch.run.bootstrap import auc_interval, auc_intervals


def gaussian_events(random, events_per_class, separation):
    label = np.repeat(np.array([0, 1], dtype=np.uint8), events_per_class)
    return label, (random.normal(size=len(label)) + separation * label).astype(np.float32)


def de_long_error(label, score):
    """Return the standard error of the AUC.

    DeLong, DeLong and Clarke-Pearson, Biometrics 44 (1988) 837.
    """
    signal, background = score[label == 1], score[label == 0]
    wins = (signal[:, None] > background) + 0.5 * (signal[:, None] == background)
    return math.sqrt(
        wins.mean(axis=1).var(ddof=1) / len(signal)
        + wins.mean(axis=0).var(ddof=1) / len(background)
    )


@pytest.mark.parametrize("ties", [False, True])
def test_the_width_agrees_with_the_error_of_de_long(ties):
    label, score = gaussian_events(np.random.default_rng(1), 1000, separation=1.0)
    if ties:
        score = np.round(score)
    low, high = auc_interval(label, score, samples=2000, confidence=0.6827)
    assert (high - low) / 2 == pytest.approx(de_long_error(label, score), rel=0.1)


def test_the_interval_contains_the_true_auc_with_its_confidence():
    random, separation = np.random.default_rng(2), 1.0
    true_auc = 0.5 * (1 + math.erf(separation / 2))
    covered = 0
    for _ in range(300):
        label, score = gaussian_events(random, 120, separation)
        low, high = auc_interval(label, score, samples=200, confidence=0.68)
        covered += low <= true_auc <= high
    # Three standard deviations of 300 trials.
    assert covered / 300 == pytest.approx(0.68, abs=3 * math.sqrt(0.68 * 0.32 / 300))


def test_constant_scores_give_exactly_one_half():
    label = np.arange(50, dtype=np.uint8) % 2
    assert auc_interval(label, np.full(50, 0.3, dtype=np.float32)) == (0.5, 0.5)


def test_separated_classes_have_the_interval_of_clopper_and_pearson():
    label = np.arange(50, dtype=np.uint8) % 2
    expected = binomtest(25, 25).proportion_ci(confidence_level=0.95, method="exact")
    low, high = auc_interval(label, label.astype(np.float32))
    assert (low, high) == pytest.approx((expected.low, 1.0))
    low, high = auc_interval(label, -label.astype(np.float32))
    assert (low, high) == pytest.approx((0.0, 1.0 - expected.low))


def test_a_higher_confidence_gives_a_wider_interval():
    label, score = gaussian_events(np.random.default_rng(4), 100, separation=0.5)
    narrow, wide = (auc_interval(label, score, confidence=c) for c in (0.68, 0.95))
    assert wide[0] < narrow[0] < narrow[1] < wide[1]


def test_the_seed_decides_the_interval():
    label, score = gaussian_events(np.random.default_rng(5), 100, separation=0.5)
    assert auc_interval(label, score, seed=1) == auc_interval(label, score, seed=1)
    assert auc_interval(label, score, seed=1) != auc_interval(label, score, seed=2)


def test_events_of_weight_0_do_not_change_the_interval():
    """With few other events, a replica could otherwise draw none of these."""
    random = np.random.default_rng(2)
    label = np.repeat(np.array([0, 1], dtype=np.uint8), 300)
    score = random.random(600).astype(np.float32)
    weight = np.zeros(600)
    weight[[0, 1, 2, 300, 301, 302]] = [1.0, 2.0, 0.5, 1.0, 0.1, 3.0]
    some = weight > 0
    expected = auc_interval(label[some], score[some], weight[some])
    assert auc_interval(label, score, weight) == expected
    assert 0 <= expected[0] <= expected[1] <= 1


def test_separated_classes_with_equal_weights_have_the_interval_without_weights():
    label = np.repeat(np.array([0, 1], dtype=np.uint8), 50)
    score = label.astype(np.float32) + np.linspace(0, 0.5, 100, dtype=np.float32)
    weight = np.full(100, 0.1)
    expected = auc_interval(label, score)
    assert auc_interval(label, score, weight) == pytest.approx(expected)
    scores = np.stack([1 - score / 2, score / 2], axis=1)
    mean, _ = auc_intervals(label, scores, weight)
    assert mean == pytest.approx(expected)
