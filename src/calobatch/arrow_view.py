"""Arrow arrays as NumPy arrays, and the errors of Arrow as messages for users."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from calobatch.errors import reading


def view(array: pa.Array) -> NDArray[Any]:
    """Return a read-only NumPy array that shares the memory of ``array``.

    The array must hold numbers and no nulls.
    """
    # Not array.to_numpy(): it imports pandas, which takes half a second in every process.
    return np.from_dlpack(array)


@contextmanager
def reading_arrow(path: Path, fix: str) -> Iterator[None]:
    """Turn any error while Arrow reads the file ``path`` into one UserError.

    The message is that of :func:`calobatch.errors.reading`.
    """
    with reading(path, fix):
        try:
            yield
        # Arrow's errors have only this class in common: one is a TypeError, another a KeyError.
        except pa.ArrowException as error:
            raise ValueError(str(error)) from None
