"""torch.distributed: Gloo between CPUs, NCCL between GPUs.

It needs nothing but torch, and is the alternative to Horovod, which has had no release since 2023.
"""

import os
import time
from collections.abc import Iterable, Sequence
from datetime import timedelta
from typing import TypeVar

import numpy as np
import torch
import torch.distributed as dist
from numpy.typing import NDArray
from torch import Tensor

from calobatch.communicator.meeting import limit_seconds, meet_at_rank_0
from calobatch.communicator.message import Messages
from calobatch.communicator.placement import Placement
from calobatch.communicator.rendezvous import Rendezvous
from calobatch.errors import JobError

SECONDS_BETWEEN_READS = 0.01

Value = TypeVar("Value")


class TorchCommunicator:
    """The ranks of one torch.distributed process group."""

    def __init__(self, place: Placement, device: torch.device) -> None:
        os.environ.setdefault("GLOO_SOCKET_IFNAME", place.interface)
        # Objects and scores are on the CPU and are sent with Gloo; gradients on GPUs with NCCL.
        backend = "cpu:gloo,cuda:nccl" if device.type == "cuda" else "gloo"
        limit = limit_seconds()
        rendezvous = meet_at_rank_0(place, limit)
        try:
            dist.init_process_group(
                backend,
                store=RendezvousStore(rendezvous, timedelta(seconds=limit)),
                rank=place.rank,
                world_size=place.size,
                timeout=timedelta(seconds=limit),
            )
        except (RuntimeError, OSError, dist.DistError) as error:
            raise JobError(
                f"rank {place.rank} cannot connect to the other ranks at {place.address}:"
                f"{place.port} ({error}); see whether rank 0 printed an error, or check the "
                "network with `calobatch doctor`"
            ) from None
        self.rank, self.size = place.rank, place.size
        self.messages = Messages(place)
        # Each rank shows the others that it knows the secret of the job.
        self.allgather(None)

    def broadcast(self, value: Value) -> Value:
        """Return rank 0's ``value`` on every rank."""
        self.messages.next_exchange()
        sent = self.messages.seal(value) if self.rank == 0 else b""
        length = torch.tensor([len(sent)])
        dist.broadcast(length, src=0)
        content = _padded(sent, int(length))
        dist.broadcast(content, src=0)
        if self.rank == 0:
            return value
        received: Value = self.messages.open(content.numpy().tobytes(), sender=0)
        return received

    def allreduce(self, array: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the sum of ``array`` over all ranks."""
        # A copy, because all_reduce overwrites its argument.
        summed = torch.from_numpy(array.copy())
        dist.all_reduce(summed)
        return summed.numpy()

    def allgather(self, value: Value) -> list[Value]:
        """Return the values of all ranks, in the order of ranks."""
        self.messages.next_exchange()
        sent = self.messages.seal(value)
        lengths = torch.zeros(self.size, dtype=torch.int64)
        lengths[self.rank] = len(sent)
        dist.all_reduce(lengths)
        # All tensors of an all_gather have the same length.
        content = _padded(sent, int(lengths.max()))
        contents = [torch.empty_like(content) for _ in range(self.size)]
        dist.all_gather(contents, content)
        return [
            self.messages.open(content[:length].numpy().tobytes(), sender)
            for sender, (content, length) in enumerate(zip(contents, lengths.tolist(), strict=True))
        ]

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


def _padded(message: bytes, length: int) -> Tensor:
    """Return the bytes of ``message``, with zeros behind them up to ``length``."""
    return torch.frombuffer(bytearray(message.ljust(length, b"\0")), dtype=torch.uint8)


class RendezvousStore(dist.Store):  # type: ignore[misc, name-defined]
    """The store in which torch exchanges the addresses of the ranks, at the rendezvous.

    torch's own TCPStore listens on all interfaces and asks for no secret.
    """

    def __init__(self, rendezvous: Rendezvous, patience: timedelta) -> None:
        super().__init__()
        self.rendezvous, self.patience = rendezvous, patience

    def set(self, key: str, value: bytes) -> None:
        """Store ``value``."""
        if not self.rendezvous.write(f"torch/{key}", value):
            raise ConnectionError(f"rank 0 has not accepted {key}")

    def get(self, key: str) -> bytes:
        """Return the value of ``key``, once a rank has stored one."""
        self.wait([key])
        return self.rendezvous.read(f"torch/{key}") or b""

    def check(self, keys: Sequence[str]) -> bool:
        """Return whether all ``keys`` have a value."""
        return all(self.rendezvous.read(f"torch/{key}") is not None for key in keys)

    def wait(self, keys: Sequence[str], timeout: timedelta | None = None) -> None:
        """Return once all ``keys`` have a value; raise a TimeoutError if that takes too long."""
        timeout = timeout or self.patience
        begun = time.monotonic()
        while not self.check(keys):
            if time.monotonic() - begun > timeout.total_seconds():
                raise TimeoutError(f"no rank has stored {', '.join(keys)} within {timeout}")
            time.sleep(SECONDS_BETWEEN_READS)
