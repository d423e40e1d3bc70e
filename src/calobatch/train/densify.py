"""Turn sparse events into dense images on the CPU.

The loops are compiled by numba and take half the time of numpy's indexing, because each image is
cleared and filled while it is in the processor's cache. Both functions release Python's global
lock, so that the next batch is made while the model computes.
"""

import os
from pathlib import Path

import numpy as np
from numba import njit
from numba.core import entrypoints
from numpy.typing import NDArray

# Before the first call of a compiled function, numba would import every package with an extension
# for it, such as awkward. The functions below need no extension, and each rank starts a second
# sooner without them.
entrypoints.init_all = lambda: None
# Compiling takes a second. Numba saves the result for later processes if it can write here; in a
# read-only image it cannot, and would raise an error.
CACHED = os.access(Path(__file__).parent, os.W_OK)


@njit(nogil=True, cache=CACHED)  # type: ignore[untyped-decorator]
def densify(
    events: NDArray[np.int64],
    start: NDArray[np.int64],
    pixel: NDArray[np.unsignedinteger],
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
    pixel: NDArray[np.unsignedinteger],
    value: NDArray[np.float32],
    image_BP: NDArray[np.float32],
    move: NDArray[np.int64],
    target: NDArray[np.unsignedinteger],
    gone: int,
) -> None:
    """Do what ``densify`` does, but write pixel ``p`` of image ``k`` at ``target[move[k], p]``.

    A pixel whose target is ``gone`` is left out.
    """
    for row in range(len(events)):
        image_P = image_BP[row]
        image_P[:] = 0
        target_P = target[move[row]]
        for hit in range(start[events[row]], start[events[row] + 1]):
            place = target_P[pixel[hit]]
            if place != gone:
                image_P[place] = value[hit]
