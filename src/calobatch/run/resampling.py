"""Draw events anew, as every bootstrap of an AUC does."""

import numpy as np
from numpy.typing import NDArray


def counted(chosen: NDArray[np.bool_], weight: NDArray[np.float64] | None) -> NDArray[np.int64]:
    """Return the ``chosen`` events, without those of weight 0, which say nothing about an AUC.

    A replica that drew only such events would have no AUC.
    """
    return np.flatnonzero(chosen if weight is None else chosen & (weight > 0))


def drawn(events: NDArray[np.int64], random: np.random.Generator) -> NDArray[np.int64]:
    """Return as many of the ``events`` as there are, drawn with replacement."""
    return events[random.integers(len(events), size=len(events))]
