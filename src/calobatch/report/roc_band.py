"""The uncertainty of a ROC curve, by a bootstrap of the test events."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from calobatch.run.auc import against_others
from calobatch.run.predictions import Predictions

REPLICAS, SEED = 400, 1
# Events are counted in bins of the score that have the same number of events. A band is much wider
# than the difference that this makes.
BINS = 2_000


class Band(NamedTuple):
    """The limits of the background efficiency, (points), at each signal efficiency."""

    low: NDArray[np.float64]
    high: NDArray[np.float64]


def roc_band(
    test: Predictions, signal: int, efficiency: NDArray[np.float64], confidence: float
) -> Band:
    """Return the central interval of the background efficiency at each signal ``efficiency``.

    In each replica the number of events in a bin is drawn from a Poisson distribution, as in a
    bootstrap of many events (Chamandy et al., "Estimating uncertainty for massive data streams",
    Google, 2012). ``signal`` is a class, and ``confidence`` a probability such as 0.95.
    """
    score = test.score if test.score.ndim == 1 else test.score[:, signal]
    is_signal = against_others(test.label, signal).astype(bool)
    weight = np.ones(len(score)) if test.weight is None else test.weight
    edges = np.unique(np.quantile(score, np.linspace(0, 1, BINS + 1)))
    # The highest scores come first, because cuts keep them.
    place = len(edges) - np.searchsorted(edges, score, side="right")
    random = np.random.default_rng(SEED)
    passing = [
        _passing(place[chosen], weight[chosen], len(edges) + 1, random)
        for chosen in (is_signal, ~is_signal)
    ]
    found = [
        np.interp(efficiency, of_signal, left) for of_signal, left in zip(*passing, strict=True)
    ]
    tail = (1 - confidence) / 2
    low, high = np.quantile(found, [tail, 1 - tail], axis=0)
    return Band(low, high)


def _passing(
    place: NDArray[np.intp], weight: NDArray[np.floating], bins: int, random: np.random.Generator
) -> NDArray[np.float64]:
    """Return the fraction of events that pass each cut, in each replica: (replicas, cuts)."""
    sums = np.bincount(place, weight, bins)
    squares = np.bincount(place, weight**2, bins)
    # The number of events without weights that would be as precise, and what one of them counts.
    counts_as = np.divide(squares, sums, out=np.ones(bins), where=sums > 0)
    drawn = random.poisson(sums / counts_as, (REPLICAS, bins)) * counts_as
    total = drawn.sum(axis=1, keepdims=True)
    return np.cumsum(drawn, axis=1) / np.where(total > 0, total, 1)
