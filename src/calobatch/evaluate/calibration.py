"""Measure calibration: whether 70 % of the events with a score of 0.7 are signal."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

BINS = 15


class Reliability(NamedTuple):
    """Events counted in bins of the score. Arrays have one entry per bin that is not empty.

    ``events`` and ``signal`` are sums of weights, and ``effective`` is the number of events without
    weights that would be as precise (:class:`calobatch.run.metrics.SplitMetrics`).
    """

    events: NDArray[np.float64]
    signal: NDArray[np.float64]
    effective: NDArray[np.float64]
    mean_score: NDArray[np.float64]

    @property
    def signal_share(self) -> NDArray[np.float64]:
        """Fraction of the events of each bin that are signal."""
        return self.signal / self.events


def reliability(
    label: NDArray[np.uint8],
    score: NDArray[np.float32],
    weight: NDArray[np.float64] | None = None,
) -> Reliability:
    """Count (events) labels and scores in ``BINS`` bins of equal width from 0 to 1."""
    weight = np.ones(len(label)) if weight is None else weight
    # A score of exactly 1 belongs to the last bin.
    bin_of = np.minimum((score * np.float64(BINS)).astype(np.int64), BINS - 1)

    def sums(of_events: NDArray[np.floating]) -> NDArray[np.float64]:
        return np.bincount(bin_of, weights=of_events, minlength=BINS).astype(np.float64)

    events, signal = sums(weight), sums(weight * (label == 1))
    squares, score_sum = sums(np.square(weight)), sums(weight * score)
    filled = events > 0
    return Reliability(
        events[filled],
        signal[filled],
        events[filled] ** 2 / squares[filled],
        score_sum[filled] / events[filled],
    )


def calibration_error(
    label: NDArray[np.uint8],
    score: NDArray[np.float32],
    weight: NDArray[np.float64] | None = None,
) -> float:
    """Return the expected calibration error of (events) scores as probabilities of class 1.

    It is the mean of |fraction of signal - mean score| over the bins, weighted by the number of
    events, or by the sum of their weights (Guo et al., arXiv:1706.04599, eq. 3).
    """
    bins = reliability(label, score, weight)
    return float(np.average(np.abs(bins.signal_share - bins.mean_score), weights=bins.events))


def wilson_interval(
    share: NDArray[np.float64], trials: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the lower and upper ends of the 68 % interval of each ``share`` of the ``trials``.

    This is the score interval at one standard deviation, which stays within 0 and 1
    (E. B. Wilson, J. Am. Stat. Assoc. 22 (1927) 209).
    """
    centre = (share + 0.5 / trials) / (1 + 1 / trials)
    half = np.sqrt(share * (1 - share) / trials + 0.25 / trials**2) / (1 + 1 / trials)
    # Rounding could put an end on the wrong side of the share, and matplotlib refuses error bars
    # of negative length.
    return np.minimum(centre - half, share), np.maximum(centre + half, share)
