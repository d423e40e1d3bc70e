"""Dense images to hits: the pixels whose bits are not those of +0."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

WIDEST = 8  # bytes of a floating point number that has an integer of its size


class Hits(NamedTuple):
    """Sparse events: event k has ``per_event[k]`` hits, one event after the other."""

    per_event: NDArray[np.int64]  # (B)
    pixel: NDArray[np.uint16]  # (hits), index in (C, H, W)
    value: NDArray[np.float32]  # (hits)


def sparsify(image_BCHW: NDArray[np.floating], zero_below: float) -> Hits:
    """Return the hits of a block of images.

    Values smaller than ``zero_below`` in size are zero. Doubles are rounded to float32, which
    the public files were doubled from. A negative zero is kept: dense is the source bit for bit.
    What is not a number is a hit.
    """
    events = len(image_BCHW)
    flat_BP = np.ascontiguousarray(image_BCHW).reshape(events, -1)
    if flat_BP.itemsize > WIDEST:
        flat_BP = flat_BP.astype(np.float64)
    # Only hits are touched from here on: they are few.
    where = np.flatnonzero(flat_BP.view(f"u{flat_BP.itemsize}").ravel() != 0)
    with np.errstate(over="ignore"):
        value = flat_BP.ravel()[where].astype(np.float32)
    kept = value.view(np.uint32) != 0
    if zero_below > 0:
        kept &= ~(np.abs(value) < np.float32(zero_below))
    where, value = where[kept], value[kept]
    first = np.arange(events + 1) * flat_BP.shape[1]
    per_event = np.diff(np.searchsorted(where, first))
    pixel = where - np.repeat(first[:-1], per_event)
    return Hits(per_event=per_event, pixel=pixel.astype(np.uint16), value=value)
