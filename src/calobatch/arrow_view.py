"""Arrow arrays as NumPy arrays."""

from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray


def view(array: pa.Array) -> NDArray[Any]:
    """Return a read-only NumPy array that shares the memory of ``array``.

    The array must hold numbers and no nulls.
    """
    # Not array.to_numpy(): it imports pandas, which takes half a second in every process.
    return np.from_dlpack(array)
