"""The communication between ranks that a training needs, and the choice of a back end.

The interface is small on purpose: Horovod's last release is from 2023, and with five operations
another back end can take its place.
"""

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
    """The ranks of one training.

    All ranks must call the same methods in the same order: each call waits for the other ranks.
    """

    rank: int
    size: int

    def broadcast(self, value: Value) -> Value:
        """Return rank 0's ``value``, which is plain data (message.py), on every rank."""

    def allreduce(self, array: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the sum of ``array``, which has the same shape on all ranks, over all ranks."""

    def allgather(self, value: Value) -> list[Value]:
        """Return the values of all ranks, which are plain data, in the order of ranks."""

    def broadcast_tensors(self, tensors: Iterable[Tensor]) -> None:
        """Overwrite ``tensors`` with those of rank 0, in place."""

    def sum_tensor(self, tensor: Tensor) -> None:
        """Overwrite ``tensor`` with its sum over all ranks, in place and on its own device."""

    def close(self) -> None:
        """Leave the other ranks; no method may be called afterwards."""


def connect(backend: str, place: Placement, device: torch.device) -> Communicator:
    """Join the other ranks through ``backend``: "horovod", "torch" or "single".

    Raises a UserError if the back end is not installed, or is "single" with more than one rank, and
    a JobError if the ranks cannot connect.
    """
    # Each back end is imported only when it is chosen: Horovod need not be installed.
    if backend == "single":
        from calobatch.communicator.single import SingleCommunicator

        if place.size != 1:
            raise UserError(
                f"communicator 'single' is for one rank, but {place.size} were started; set "
                "communicator to horovod or torch, or ranks to 1"
            )
        return SingleCommunicator()
    if backend == "torch":
        from calobatch.communicator.torch_distributed import TorchCommunicator

        return TorchCommunicator(place, device)
    from calobatch.communicator.horovod import HorovodCommunicator

    return HorovodCommunicator(place, device)
