"""How the scalars of an event are scaled before a model gets them."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from calobatch.record import Record


class ScalarStatistics(Record):
    """One scalar over the events of the training split, in ``unit``."""

    name: str
    unit: str
    mean: float
    std: float

    @property
    def divisor(self) -> float:
        """What the scalar is divided by.

        A scalar that is the same in all training events has a standard deviation of 0. Dividing by
        1 instead makes it 0 in all events, so that the model cannot use it.
        """
        return self.std or 1.0


def standardised(
    scalars_BS: NDArray[np.float64], statistics: Sequence[ScalarStatistics]
) -> NDArray[np.float32]:
    """Return the scalars of events, shape (events, S), with mean 0 and standard deviation 1.

    The events of all splits are scaled with the mean and standard deviation of the training split,
    so only training events have exactly mean 0 and standard deviation 1.
    """
    mean = np.array([scalar.mean for scalar in statistics])
    divisor = np.array([scalar.divisor for scalar in statistics])
    return np.asarray((scalars_BS - mean) / divisor, dtype=np.float32)
