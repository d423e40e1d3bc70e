"""The uncertainty of a ROC AUC, found by resampling the events."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from calobatch.run.auc import auc_of_counts

Interval = tuple[float, float]


def auc_interval(
    label: NDArray[np.uint8],
    score: NDArray[np.float32],
    *,
    samples: int = 500,
    confidence: float = 0.95,
    seed: int = 0,
) -> Interval:
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
    smaller = min(len(signal), len(background))
    return _interval(replicas, confidence, smaller)


def auc_intervals(
    label: NDArray[np.uint8],
    score: NDArray[np.float32],
    *,
    samples: int = 500,
    confidence: float = 0.95,
    seed: int = 0,
) -> tuple[Interval, list[Interval]]:
    """Return the intervals of the mean over K classes, and of each class against all others.

    ``score`` has the shape (events, K). The method is that of :func:`auc_interval`: each replica
    draws the events of each class, and all its AUCs are of the same events.
    """
    classes = score.shape[1]
    # The ranks of the scores of each class: (distinct scores, rank of each event).
    ranked = [np.unique(score[:, k], return_inverse=True) for k in range(classes)]
    events_of = [np.flatnonzero(label == k) for k in range(classes)]
    random = np.random.default_rng(seed)
    replicas = np.empty((samples, classes))
    for replica in replicas:
        drawn = [events[random.integers(len(events), size=len(events))] for events in events_of]
        for k, (distinct, rank) in enumerate(ranked):
            counts = [np.bincount(rank[events], minlength=len(distinct)) for events in drawn]
            replica[k] = auc_of_counts(counts[k], np.sum(counts[:k] + counts[k + 1 :], axis=0))
    smaller = [min(len(events), len(label) - len(events)) for events in events_of]
    mean = _interval(replicas.mean(axis=1), confidence, min(smaller))
    each = [_interval(replicas[:, k], confidence, smaller[k]) for k in range(classes)]
    return mean, each


def _interval(
    replicas: Sequence[float] | NDArray[np.float64], confidence: float, smaller: int
) -> Interval:
    """Return the percentile interval; ``smaller`` is the number of events of the smaller class."""
    low, high = np.quantile(replicas, [(1 - confidence) / 2, (1 + confidence) / 2])
    exact = ((1 - confidence) / 2) ** (1 / smaller)
    if low == 1.0:
        low = exact
    if high == 0.0:
        high = 1.0 - exact
    return float(low), float(high)


def _resampled_counts(
    rank: NDArray[np.int64], ranks: int, random: np.random.Generator
) -> NDArray[np.int64]:
    drawn = random.integers(len(rank), size=len(rank))
    return np.bincount(rank[drawn], minlength=ranks)
