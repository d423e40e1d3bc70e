"""The AUC in bins of what is known about each event: sums of the image, and scalars."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from calobatch.dense_images import dense_blocks
from calobatch.run.auc import mean_auc
from calobatch.run.bootstrap import auc_interval, auc_intervals
from calobatch.run.interpretation import Bin, Quantity
from calobatch.run.predictions import Predictions
from calobatch.run.resampling import counted
from calobatch.store import Store

MOST_BINS = 5
# With fewer events, the interval of a bin is so wide that it says nothing.
FEWEST_EVENTS = 100


def quantities(
    store: Store, events: NDArray[np.int64], test: Predictions, confidence: float
) -> tuple[Quantity, ...]:
    """Return the AUC in bins of everything that the store has about ``events``.

    These are the scalars of the layout, and the sum over the image of each channel without a sign.
    ``test`` has the predictions of the same events.
    """
    return tuple(
        Quantity(name=name, unit=unit, bins=_bins(value, test, confidence))
        for name, unit, value in _values(store, events)
    )


def _values(
    store: Store, events: NDArray[np.int64]
) -> Iterator[tuple[str, str, NDArray[np.float64]]]:
    """Yield the name, unit and values (events) of each quantity."""
    for number, scalar in enumerate(store.layout.scalars):
        yield scalar.name, scalar.unit, store.scalars_BS[events, number]
    sum_BC = np.concatenate(
        [
            image_BCHW.sum(axis=(2, 3), dtype=np.float64)
            for image_BCHW in dense_blocks(store, events)
        ]
    )
    for number, channel in enumerate(store.layout.channels):
        if not channel.signed:
            yield f"sum of {channel.name}", channel.unit, sum_BC[:, number]


def _bins(value: NDArray[np.float64], test: Predictions, confidence: float) -> tuple[Bin, ...]:
    """Return the bins of a quantity, of which those that lack a class are left out."""
    number = min(MOST_BINS, len(value) // FEWEST_EVENTS)
    # Values that many events have would be the edges of several bins.
    edges = np.unique(np.quantile(value, np.linspace(0, 1, max(number, 1) + 1)))
    place = np.searchsorted(edges[1:-1], value, side="right")
    classes = np.unique(test.label)
    found = []
    for index in range(len(edges) - 1):
        of_bin = test.subset(place == index)
        # Events of weight 0 say nothing about an AUC.
        if all(len(counted(of_bin.label == k, of_bin.weight)) for k in classes):
            low, high = _interval(of_bin, confidence)
            found.append(
                Bin(
                    low=float(edges[index]),
                    high=float(edges[index + 1]),
                    events=len(of_bin.label),
                    auc=mean_auc(*of_bin),
                    auc_low=low,
                    auc_high=high,
                )
            )
    return tuple(found) if len(found) > 1 else ()


def _interval(of_bin: Predictions, confidence: float) -> tuple[float, float]:
    if of_bin.score.ndim == 1:
        return auc_interval(*of_bin, confidence=confidence)
    return auc_intervals(*of_bin, confidence=confidence)[0]
