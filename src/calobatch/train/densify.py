"""Turn sparse events into dense images on the CPU.

The loops are compiled by numba and take half the time of numpy's indexing, because each image is
cleared and filled while it is in the processor's cache. Both functions release Python's global
lock, so that the next batch is made while the model computes.
"""

import os
from pathlib import Path

import numpy as np
from numba import njit
from numpy.typing import NDArray

# Marks a pixel that a move takes out of the image (calobatch.train.augment).
GONE = 65_535
# Compiling takes a second. Numba saves the result for later processes if it can write here; in a
# read-only image it cannot, and would raise an error.
CACHED = os.access(Path(__file__).parent, os.W_OK)


@njit(nogil=True, cache=CACHED)  # type: ignore[untyped-decorator]
def densify(
    events: NDArray[np.int64],
    start: NDArray[np.int64],
    pixel: NDArray[np.uint16],
    value: NDArray[np.float32],
    image_BP: NDArray[np.float32],
) -> None:
    """Overwrite ``image_BP`` with the images of ``events``, indices into the store of shape (B)."""
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
    """Do what ``densify`` does, but write pixel ``p`` of image ``k`` at ``target[move[k], p]``.

    A pixel whose target is GONE is left out.
    """
    for row in range(len(events)):
        image_P = image_BP[row]
        image_P[:] = 0
        target_P = target[move[row]]
        for hit in range(start[events[row]], start[events[row] + 1]):
            place = target_P[pixel[hit]]
            if place != GONE:
                image_P[place] = value[hit]
