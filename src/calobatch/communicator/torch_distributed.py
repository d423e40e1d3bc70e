"""torch.distributed: Gloo between CPUs, NCCL between GPUs.

It needs nothing but torch, and is the alternative to Horovod, which has had no release since 2023.
"""

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import TypeVar

import numpy as np
import torch
import torch.distributed as dist
from numpy.typing import NDArray
from torch import Tensor
from torch.distributed import TCPStore  # type: ignore[attr-defined]

from calobatch.communicator.meeting import find_rank_0, limit_seconds, meet
from calobatch.communicator.placement import Placement
from calobatch.errors import JobError

Value = TypeVar("Value")


class TorchCommunicator:
    """The ranks of one torch.distributed process group."""

    def __init__(self, place: Placement, device: torch.device) -> None:
        os.environ.setdefault("GLOO_SOCKET_IFNAME", place.interface)
        # Objects and scores are on the CPU and are sent with Gloo; gradients on GPUs with NCCL.
        backend = "cpu:gloo,cuda:nccl" if device.type == "cuda" else "gloo"
        limit = limit_seconds()
        timeout = timedelta(seconds=limit)
        if place.rank != 0:
            find_rank_0(place, limit)
        # Rank 0 serves the store at which the ranks meet. Without a launcher there is only one
        # rank: its port is 0, and the store takes a free one, which nobody else needs to know.
        try:
            store = TCPStore(
                place.address,
                place.port,
                place.size,
                place.rank == 0,
                timeout=timeout,
                wait_for_workers=False,
            )
            meet(place, StoreBoard(store), limit)
            dist.init_process_group(
                backend, store=store, rank=place.rank, world_size=place.size, timeout=timeout
            )
        except (RuntimeError, dist.DistError) as error:
            raise JobError(
                f"rank {place.rank} cannot connect to the other ranks at {place.address}:"
                f"{place.port} ({error}); see whether rank 0 printed an error, or check the "
                "network with `calobatch doctor`"
            ) from None
        self.rank, self.size = place.rank, place.size

    def broadcast(self, value: Value) -> Value:
        """Return rank 0's ``value`` on every rank."""
        box = [value]
        dist.broadcast_object_list(box, src=0, device=torch.device("cpu"))
        return box[0]

    def allreduce(self, array: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the sum of ``array`` over all ranks."""
        # A copy, because all_reduce overwrites its argument.
        summed = torch.from_numpy(array.copy())
        dist.all_reduce(summed)
        return summed.numpy()

    def allgather(self, value: Value) -> list[Value]:
        """Return the values of all ranks, in the order of ranks."""
        gathered: list[Value] = [value] * self.size
        dist.all_gather_object(gathered, value)
        return gathered

    def broadcast_tensors(self, tensors: Iterable[Tensor]) -> None:
        """Overwrite ``tensors`` with those of rank 0, in place."""
        for tensor in tensors:
            dist.broadcast(tensor, src=0)

    def sum_tensor(self, tensor: Tensor) -> None:
        """Overwrite ``tensor`` with its sum over all ranks, in place."""
        dist.all_reduce(tensor)

    def close(self) -> None:
        """Leave the process group."""
        dist.destroy_process_group()


class StoreBoard:
    """The board of the meeting (meeting.py), in torch's store, which rank 0 serves."""

    def __init__(self, store: TCPStore) -> None:
        self.store = store

    def put(self, name: str) -> bool:
        """Put ``name`` on the board; the store always accepts it."""
        with _network_errors():
            self.store.set(f"meeting/{name}", "here")
        return True

    def has(self, name: str) -> bool:
        """Return whether ``name`` is on the board."""
        with _network_errors():
            return bool(self.store.check([f"meeting/{name}"]))


@contextmanager
def _network_errors() -> Iterator[None]:
    """Turn torch's errors into the ConnectionError that a board raises."""
    try:
        yield
    except RuntimeError as error:
        raise ConnectionError(str(error).splitlines()[0]) from None
