"""What training asks of the ranks, and the choice of a back end."""

from collections.abc import Iterable
from typing import Protocol, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from calobatch.communicator.placement import Placement
from calobatch.errors import UserError

Value = TypeVar("Value")


class Communicator(Protocol):
    """The ranks of one training. Every method is called by all ranks, in the same order."""

    rank: int
    size: int

    def broadcast(self, value: Value) -> Value:
        """Return rank 0's ``value`` (any picklable object) on every rank."""

    def allreduce(self, array: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the sum over ranks of ``array``, the same shape on each."""

    def allgather(self, value: Value) -> list[Value]:
        """Return the ``value`` of every rank, in the order of ranks."""

    def broadcast_tensors(self, tensors: Iterable[Tensor]) -> None:
        """Overwrite ``tensors`` with rank 0's, in place."""

    def sum_tensor(self, tensor: Tensor) -> None:
        """Overwrite ``tensor`` with its sum over ranks, in place, from where it lies."""

    def close(self) -> None:
        """Leave; no method may be called afterwards."""


def connect(backend: str, place: Placement, device: torch.device) -> Communicator:
    """Join the other ranks through ``backend``: "horovod", "torch" or "single".

    Raises a UserError if the number of ranks does not suit the back end or it is not installed.
    """
    if backend == "single":
        from calobatch.communicator.single import SingleCommunicator

        if place.size != 1:
            raise UserError(f"communicator 'single' has one rank, but {place.size} were started")
        return SingleCommunicator()
    if backend == "torch":
        from calobatch.communicator.torch_distributed import TorchCommunicator

        return TorchCommunicator(place, device)
    from calobatch.communicator.horovod import HorovodCommunicator

    return HorovodCommunicator(place, device)
