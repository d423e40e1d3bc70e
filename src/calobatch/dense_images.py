"""Go through the images of many events of a store, of which memory holds a few at one time."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from calobatch.store import Store

BLOCK = 256  # events that are in memory as dense images at one time


def dense_blocks(store: Store, events: NDArray[np.int64]) -> Iterator[NDArray[np.float32]]:
    """Yield the images of ``events`` in their order, at most ``BLOCK`` at once: (B, C, H, W)."""
    for start in range(0, len(events), BLOCK):
        yield store.dense(events[start : start + BLOCK])


def mean_image(store: Store, events: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return the mean image (C, H, W) of ``events``; zero if there are none."""
    total_CHW = np.zeros(store.layout.shape)
    for image_BCHW in dense_blocks(store, events):
        total_CHW += image_BCHW.sum(axis=0, dtype=np.float64)
    mean_CHW: NDArray[np.float64] = total_CHW / max(len(events), 1)
    return mean_CHW
