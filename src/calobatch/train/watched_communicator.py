"""A communicator that marks in a rank's heartbeat when the rank waits for the others."""

from collections.abc import Iterable
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from calobatch.communicator.interface import Communicator
from calobatch.train.heartbeat import Heartbeat

Value = TypeVar("Value")


class WatchedCommunicator:
    """Passes all calls on to ``communicator``."""

    def __init__(self, communicator: Communicator, heartbeat: Heartbeat) -> None:
        self.communicator, self.heartbeat = communicator, heartbeat
        self.rank, self.size = communicator.rank, communicator.size

    def broadcast(self, value: Value) -> Value:
        """Return rank 0's ``value`` on every rank."""
        with self.heartbeat.waiting():
            return self.communicator.broadcast(value)

    def allreduce(self, array: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the sum of ``array`` over all ranks."""
        with self.heartbeat.waiting():
            return self.communicator.allreduce(array)

    def allgather(self, value: Value) -> list[Value]:
        """Return the values of all ranks, in the order of ranks."""
        with self.heartbeat.waiting():
            return self.communicator.allgather(value)

    def broadcast_tensors(self, tensors: Iterable[Tensor]) -> None:
        """Overwrite ``tensors`` with those of rank 0, in place."""
        with self.heartbeat.waiting():
            self.communicator.broadcast_tensors(tensors)

    def sum_tensor(self, tensor: Tensor) -> None:
        """Overwrite ``tensor`` with its sum over all ranks, in place."""
        with self.heartbeat.waiting():
            self.communicator.sum_tensor(tensor)

    def close(self) -> None:
        """Leave the other ranks."""
        with self.heartbeat.waiting():
            self.communicator.close()
