"""DeLong's test of two ROC AUCs on the same events."""

from math import erfc, sqrt
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray


class DeLong(NamedTuple):
    """The difference of two AUCs (second minus first), its standard error, and a p-value.

    The p-value is the probability of a difference at least this large, in either direction, if both
    AUCs are equal.
    """

    difference: float
    error: float
    p: float


def delong(
    label: NDArray[np.uint8], first: NDArray[np.floating], second: NDArray[np.floating]
) -> DeLong:
    """Compare two scores of the same events, all of shape (events); both classes must be present.

    Source: DeLong, DeLong and Clarke-Pearson, Biometrics 44 (1988), p. 837, computed with the
    mid-ranks of Sun and Xu, IEEE Signal Processing Letters 21 (2014), p. 1389.
    """
    is_signal = label == 1
    placed = [_placements(score, is_signal) for score in (first, second)]
    signal, background = zip(*placed, strict=True)
    difference = float(np.mean(signal[1]) - np.mean(signal[0]))
    variance = np.var(signal[1] - signal[0], ddof=1) / len(signal[0])
    variance += np.var(background[1] - background[0], ddof=1) / len(background[0])
    error = float(np.sqrt(variance))
    return DeLong(difference, error, two_sided(difference, error))


def two_sided(difference: float, error: float) -> float:
    """Return the probability of a difference at least this large, of a normal distribution."""
    # Scores in the same order give the same AUC, without any uncertainty.
    return erfc(abs(difference) / error / sqrt(2)) if error else 1.0


def _placements(
    score: NDArray[np.floating], is_signal: NDArray[np.bool_]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return, for each event of a class, the fraction of the other class that it is right about.

    A tie counts one half. The mean over either class is the AUC.
    """
    signal, background = score[is_signal], score[~is_signal]
    everything = _mid_ranks(np.concatenate([signal, background]))
    below = everything[: len(signal)] - _mid_ranks(signal)
    above = len(signal) - (everything[len(signal) :] - _mid_ranks(background))
    return below / len(background), above / len(signal)


def _mid_ranks(score: NDArray[np.floating]) -> NDArray[np.float64]:
    """Return the rank of each score, counted from 1; equal scores share the mean of their ranks."""
    _, place, number = np.unique(score, return_inverse=True, return_counts=True)
    middle: NDArray[np.float64] = np.cumsum(number) - (number - 1) / 2
    return middle[place]
