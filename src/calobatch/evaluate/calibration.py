"""Whether a score of 0.7 means that 70 % of such events are signal."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

BINS = 15


class Reliability(NamedTuple):
    """The events of each filled bin of the score: all arrays are (filled bins)."""

    events: NDArray[np.int64]
    signal: NDArray[np.int64]
    mean_score: NDArray[np.float64]

    @property
    def signal_share(self) -> NDArray[np.float64]:
        """Share of the events that are signal."""
        return self.signal / self.events


def reliability(label: NDArray[np.uint8], score: NDArray[np.float32]) -> Reliability:
    """Count (events) labels and scores in ``BINS`` bins of equal width."""
    bin_of = np.minimum((score * np.float64(BINS)).astype(np.int64), BINS - 1)
    events = np.bincount(bin_of, minlength=BINS)
    signal = np.bincount(bin_of[label == 1], minlength=BINS)
    score_sum = np.bincount(bin_of, weights=score, minlength=BINS)
    filled = events > 0
    return Reliability(events[filled], signal[filled], score_sum[filled] / events[filled])


def calibration_error(label: NDArray[np.uint8], score: NDArray[np.float32]) -> float:
    """Return the expected calibration error of the probability of class 1.

    The mean over events of |share of signal - mean score| of the event's bin (Guo et al.,
    arXiv:1706.04599, eq. 3).
    """
    bins = reliability(label, score)
    return float(np.average(np.abs(bins.signal_share - bins.mean_score), weights=bins.events))


def wilson_interval(
    successes: NDArray[np.int64], trials: NDArray[np.int64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the 68 % interval of a share, which stays within 0 and 1 (Wilson 1927).

    E. B. Wilson, J. Am. Stat. Assoc. 22 (1927) 209; one standard deviation.
    """
    share = successes / trials
    centre = (share + 0.5 / trials) / (1 + 1 / trials)
    half = np.sqrt(share * (1 - share) / trials + 0.25 / trials**2) / (1 + 1 / trials)
    # Rounding must not push the share out of its own interval: plots refuse negative bars.
    return np.minimum(centre - half, share), np.maximum(centre + half, share)
