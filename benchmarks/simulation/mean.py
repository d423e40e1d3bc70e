"""Write the mean of a sample with its statistical uncertainty."""

import numpy as np
from numpy.typing import NDArray


def mean_with_error(values: NDArray[np.floating], digits: int) -> str:
    """Return the mean and its standard deviation, each with ``digits`` decimals."""
    error = values.std(ddof=1) / np.sqrt(values.size)
    return f"{values.mean():.{digits}f} ± {error:.{digits}f}"
