"""The ROC AUC, exact and without scikit-learn, whose import takes 2 s in every rank."""

import numpy as np
from numpy.typing import NDArray


def auc(
    label: NDArray[np.uint8],
    score: NDArray[np.float32],
    weight: NDArray[np.float64] | None = None,
) -> float:
    """Return the ROC AUC of (events) labels, scores and weights. Both classes must be present.

    scikit-learn's ``roc_auc_score`` gives the same up to its rounding.
    """
    distinct, rank = np.unique(score, return_inverse=True)
    signal, background = (
        counts(rank, np.flatnonzero(label == which), len(distinct), weight) for which in (1, 0)
    )
    return auc_of_counts(signal, background)


def counts(
    rank: NDArray[np.int64],
    events: NDArray[np.int64],
    ranks: int,
    weight: NDArray[np.float64] | None = None,
) -> NDArray[np.int64] | NDArray[np.float64]:
    """Return the number of ``events``, or the sum of their weights, at each rank of the score.

    ``rank`` and ``weight`` are those of all events, and ``events`` indices into them.
    """
    of_events = None if weight is None else weight[events]
    return np.bincount(rank[events], weights=of_events, minlength=ranks)


def mean_auc(
    label: NDArray[np.uint8],
    score: NDArray[np.float32],
    weight: NDArray[np.float64] | None = None,
) -> float:
    """Return the ROC AUC of two classes, or the mean over K classes of each against all others.

    ``score`` has the shape (events) or (events, K), see ``run/decision.py``. All classes must be
    present. Each class counts the same, however many events it has.
    """
    if score.ndim == 1:
        return auc(label, score, weight)
    of_class = [auc(against_others(label, k), score[:, k], weight) for k in range(score.shape[1])]
    return float(np.mean(of_class))


def against_others(label: NDArray[np.uint8], which: int) -> NDArray[np.uint8]:
    """Return 1 for each event of class ``which`` and 0 for all others, shape (events)."""
    is_class: NDArray[np.uint8] = (label == which).astype(np.uint8)
    return is_class


def auc_of_counts(
    signal: NDArray[np.int64] | NDArray[np.float64],
    background: NDArray[np.int64] | NDArray[np.float64],
) -> float:
    """Return the ROC AUC given the events at each distinct score, in ascending order.

    They are given as their number, or as the sum of their weights. The AUC is the fraction of
    (signal, background) pairs in which the signal event has the higher score; a tie counts one
    half.
    """
    # Numbers of events stay integers until the last division, so the result does not depend on the
    # order of the sums. item() makes integers of Python, whose product cannot overflow.
    twice_background_below = 2 * np.cumsum(background) - background
    pairs = signal.sum().item() * background.sum().item()
    # With weights, rounding can leave the range.
    return min(max(float((signal @ twice_background_below).item() / (2 * pairs)), 0.0), 1.0)
