"""The uncertainty of a ROC AUC, found by resampling the events."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from calobatch.run.auc import auc_of_counts, counts
from calobatch.run.resampling import counted, drawn

Interval = tuple[float, float]
# A sum of weights differs by less than this from the sum in another order, relative to it.
ROUNDING = 1e-12


def auc_interval(
    label: NDArray[np.uint8],
    score: NDArray[np.float32],
    weight: NDArray[np.float64] | None = None,
    *,
    samples: int = 500,
    confidence: float = 0.95,
    seed: int = 0,
) -> Interval:
    """Return the central ``confidence`` interval of the ROC AUC of (events) labels and scores.

    Events that are drawn keep their ``weight``.

    This is the percentile interval of the bootstrap (Efron and Tibshirani, An Introduction to the
    Bootstrap, 1993, section 13.3) with ``samples`` replicas. Each replica draws events with
    replacement, separately in each class, so that the number of events of each class stays the
    same. Both classes must be present.

    If the scores separate the classes completely, every replica has the same AUC, and the bootstrap
    says nothing. The end of the interval on the other side is then the exact one of Clopper and
    Pearson (Biometrika 26, 1934, p. 404) for n events in the smaller class: n pairs that have no
    event in common, of which none is in the wrong order. With weights, n is the effective number.
    """
    # The AUC depends only on the order of the scores, so events are counted by the rank of their
    # score: a replica then costs one sum over the ranks and no sorting.
    distinct, rank = np.unique(score, return_inverse=True)
    signal, background = (counted(label == which, weight) for which in (1, 0))
    random = np.random.default_rng(seed)
    replicas = [
        auc_of_counts(
            counts(rank, drawn(signal, random), len(distinct), weight),
            counts(rank, drawn(background, random), len(distinct), weight),
        )
        for _ in range(samples)
    ]
    smaller = min(effective_events(signal, weight), effective_events(background, weight))
    return _interval(replicas, confidence, smaller)


def auc_intervals(
    label: NDArray[np.uint8],
    score: NDArray[np.float32],
    weight: NDArray[np.float64] | None = None,
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
    events_of = [counted(label == k, weight) for k in range(classes)]
    random = np.random.default_rng(seed)
    replicas = np.empty((samples, classes))
    for replica in replicas:
        replica_of = [drawn(events, random) for events in events_of]
        for k, (distinct, rank) in enumerate(ranked):
            of_class = [counts(rank, events, len(distinct), weight) for events in replica_of]
            others = np.sum(of_class[:k] + of_class[k + 1 :], axis=0)
            replica[k] = auc_of_counts(of_class[k], others)
    smaller = [
        min(effective_events(counted(of, weight), weight) for of in (label == k, label != k))
        for k in range(classes)
    ]
    mean = _interval(replicas.mean(axis=1), confidence, min(smaller))
    each = [_interval(replicas[:, k], confidence, smaller[k]) for k in range(classes)]
    return mean, each


def effective_events(events: NDArray[np.int64], weight: NDArray[np.float64] | None = None) -> float:
    """Return the number of ``events`` without weights that would be as precise as these are.

    ``weight`` has the weights of all events. The source of the formula is with
    :class:`calobatch.run.metrics.SplitMetrics`.
    """
    if weight is None:
        return len(events)
    return float(weight[events].sum() ** 2 / np.square(weight[events]).sum())


def _interval(
    replicas: Sequence[float] | NDArray[np.float64], confidence: float, smaller: float
) -> Interval:
    """Return the percentile interval; ``smaller`` is the number of events of the smaller class."""
    low, high = np.quantile(replicas, [(1 - confidence) / 2, (1 + confidence) / 2])
    exact = ((1 - confidence) / 2) ** (1 / smaller)
    if low >= 1 - ROUNDING:
        low = exact
    if high <= ROUNDING:
        high = 1.0 - exact
    return float(low), float(high)
