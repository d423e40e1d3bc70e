"""The uncertainty of a ROC AUC, found by resampling the events."""

import numpy as np
from numpy.typing import NDArray


def auc_interval(
    label: NDArray[np.uint8],
    score: NDArray[np.float32],
    *,
    samples: int = 500,
    confidence: float = 0.95,
    seed: int = 0,
) -> tuple[float, float]:
    """Return the central ``confidence`` interval of the ROC AUC of (events) labels and scores.

    This is the percentile interval of the bootstrap (Efron and Tibshirani, An Introduction to the
    Bootstrap, 1993, section 13.3) with ``samples`` replicas. Each replica draws events with
    replacement, separately in each class, so that the number of events of each class stays the
    same. Both classes must be present.

    If the scores separate the classes completely, every replica has the same AUC, and the bootstrap
    says nothing. The end of the interval on the other side is then the exact one of Clopper and
    Pearson (Biometrika 26, 1934, p. 404) for n events in the smaller class: n pairs that have no
    event in common, of which none is in the wrong order.
    """
    # The AUC depends only on the order of the scores, so events are counted by the rank of their
    # score: a replica then costs one sum over the ranks and no sorting.
    distinct, rank = np.unique(score, return_inverse=True)
    signal, background = rank[label == 1], rank[label == 0]
    random = np.random.default_rng(seed)
    replicas = [
        auc_of_counts(
            _resampled_counts(signal, len(distinct), random),
            _resampled_counts(background, len(distinct), random),
        )
        for _ in range(samples)
    ]
    low, high = np.quantile(replicas, [(1 - confidence) / 2, (1 + confidence) / 2])
    exact = ((1 - confidence) / 2) ** (1 / min(len(signal), len(background)))
    if low == 1.0:
        low = exact
    if high == 0.0:
        high = 1.0 - exact
    return float(low), float(high)


def auc_of_counts(signal: NDArray[np.int64], background: NDArray[np.int64]) -> float:
    """Return the ROC AUC given the number of events at each distinct score, in ascending order.

    The AUC is the fraction of (signal, background) pairs in which the signal event has the higher
    score; a tie counts one half.
    """
    # Integers until the last division, so the result does not depend on the order of the sums.
    twice_background_below = 2 * np.cumsum(background) - background
    pairs = int(signal.sum()) * int(background.sum())
    return int(signal @ twice_background_below) / (2 * pairs)


def _resampled_counts(
    rank: NDArray[np.int64], ranks: int, random: np.random.Generator
) -> NDArray[np.int64]:
    drawn = random.integers(len(rank), size=len(rank))
    return np.bincount(rank[drawn], minlength=ranks)
