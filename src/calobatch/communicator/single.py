"""The back end of a training with one rank: nothing has to be sent."""

from collections.abc import Iterable
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

Value = TypeVar("Value")


class SingleCommunicator:
    """A communicator whose only rank is this process."""

    rank = 0
    size = 1

    def broadcast(self, value: Value) -> Value:
        """Return ``value``."""
        return value

    def allreduce(self, array: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return ``array``."""
        return array

    def allgather(self, value: Value) -> list[Value]:
        """Return ``value`` as the only element of a list."""
        return [value]

    def broadcast_tensors(self, tensors: Iterable[Tensor]) -> None:
        """Leave ``tensors`` as they are."""

    def sum_tensor(self, tensor: Tensor) -> None:
        """Leave ``tensor`` as it is."""

    def close(self) -> None:
        """Do nothing."""
