"""Dense images to hits: the pixels whose bits are not those of +0."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray


class Hits(NamedTuple):
    """Sparse events: event k has ``per_event[k]`` hits, one event after the other."""

    per_event: NDArray[np.int64]  # (B)
    pixel: NDArray[np.uint16]  # (hits), index in (C, H, W)
    value: NDArray[np.float32]  # (hits)


def sparsify(image_BCHW: NDArray[np.floating], zero_below: float) -> Hits:
    """Return the hits of a block of images.

    Values smaller than ``zero_below`` in size are zero. Doubles are rounded to float32, which
    the public files were doubled from. A negative zero is kept: dense is the source bit for bit.
    """
    flat = np.ascontiguousarray(image_BCHW, dtype=np.float32).reshape(len(image_BCHW), -1)
    kept = flat.view(np.uint32) != 0
    if zero_below > 0:
        kept &= np.abs(flat) >= np.float32(zero_below)
    pixel = np.broadcast_to(np.arange(flat.shape[1], dtype=np.uint16), flat.shape)[kept]
    return Hits(per_event=np.count_nonzero(kept, axis=1), pixel=pixel, value=flat[kept])
