"""Sparse events to dense images on the CPU, compiled: numpy's indexing is two times slower.

A row is cleared and filled while it is in the cache. Both functions let go of Python's lock.
"""

import os
from pathlib import Path

import numpy as np
from numba import njit
from numpy.typing import NDArray

# The pixel leaves the image (calobatch.train.augment).
GONE = 65_535
# Compiling takes a second, which a folder that can be written to saves the next time.
CACHED = os.access(Path(__file__).parent, os.W_OK)


@njit(nogil=True, cache=CACHED)  # type: ignore[untyped-decorator]
def densify(
    events: NDArray[np.int64],
    start: NDArray[np.int64],
    pixel: NDArray[np.uint16],
    value: NDArray[np.float32],
    image_BP: NDArray[np.float32],
) -> None:
    """Overwrite ``image_BP`` with the images of ``events``, (B)."""
    for row in range(len(events)):
        image_P = image_BP[row]
        image_P[:] = 0
        for hit in range(start[events[row]], start[events[row] + 1]):
            image_P[pixel[hit]] = value[hit]


@njit(nogil=True, cache=CACHED)  # type: ignore[untyped-decorator]
def densify_moved(
    events: NDArray[np.int64],
    start: NDArray[np.int64],
    pixel: NDArray[np.uint16],
    value: NDArray[np.float32],
    image_BP: NDArray[np.float32],
    move: NDArray[np.int64],
    target: NDArray[np.uint16],
) -> None:
    """Likewise, each pixel ``p`` of row ``k`` at ``target[move[k], p]``, unless that is GONE."""
    for row in range(len(events)):
        image_P = image_BP[row]
        image_P[:] = 0
        target_P = target[move[row]]
        for hit in range(start[events[row]], start[events[row] + 1]):
            place = target_P[pixel[hit]]
            if place != GONE:
                image_P[place] = value[hit]
