"""Horovod over Gloo (NCCL between GPUs), without ssh and without MPI.

Horovod's own launcher is not used, because it needs ssh between nodes. This module does its work:
the ranks meet at the rendezvous that rank 0 serves (meeting.py), and each passes its placement to
Horovod in environment variables. Horovod's C++ code then finds the other ranks at the rendezvous.
"""

import os
import time
from collections.abc import Iterable
from typing import TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from calobatch.communicator.meeting import LIMIT_VARIABLE, limit_seconds, meet_at_rank_0
from calobatch.communicator.message import Messages
from calobatch.communicator.placement import Placement
from calobatch.communicator.rendezvous import horovod_environment
from calobatch.errors import JobError, UserError

try:
    import horovod.torch as hvd
except ImportError as error:
    raise UserError(
        f"Horovod cannot be imported ({error}); run `make setup`, or set communicator to torch"
    ) from None

# Once per cycle the ranks agree on which tensors are ready. Horovod's default of 1 ms is 4 to 13 %
# faster than 5 ms if each rank has cores of its own, and slower if ranks on the CPU share cores:
# Horovod's threads then take the cores from the computation.
SHARED_CORES_CYCLE_MILLISECONDS = "5"
# A rank that waits for the others pauses only in a long wait. A pause in the wait of a step would
# often miss Horovod's next cycle, and make the step 1 to 5 ms longer.
SECONDS_AWAKE = 0.1
PAUSE_SECONDS = 1e-3

Value = TypeVar("Value")


class HorovodCommunicator:
    """The ranks of one Horovod job."""

    def __init__(self, place: Placement, device: torch.device) -> None:
        if device.type == "cpu" and _shares_cores(place):
            os.environ.setdefault("HOROVOD_CYCLE_TIME", SHARED_CORES_CYCLE_MILLISECONDS)
        limit = limit_seconds()
        place = meet_at_rank_0(place, limit).place
        os.environ[LIMIT_VARIABLE] = str(limit)
        # hvd.init() takes its placement from the environment.
        os.environ.update(_horovod_environment(place) | horovod_environment(place))
        hvd.init()
        if hvd.size() != place.size:
            raise JobError(
                f"Horovod found {hvd.size()} ranks, but the launcher started {place.size}"
            )
        self.rank, self.size = place.rank, place.size
        self.messages = Messages(place)
        # Each rank shows the others that it knows the secret of the job.
        self.allgather(None)

    def broadcast(self, value: Value) -> Value:
        """Return rank 0's ``value`` on every rank."""
        self.messages.next_exchange()
        sent = self.messages.seal(value) if self.rank == 0 else b""
        size = _finished(hvd.broadcast_async(_length(sent), root_rank=0, name="length"))
        content = _content(sent) if self.rank == 0 else torch.empty(int(size), dtype=torch.uint8)
        _finished(hvd.broadcast_async_(content, root_rank=0, name="message"))
        if self.rank == 0:
            return value
        received: Value = self.messages.open(content.numpy().tobytes(), sender=0)
        return received

    def allreduce(self, array: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the sum of ``array`` over all ranks."""
        handle = hvd.allreduce_async(torch.from_numpy(array), op=hvd.Sum, name="allreduce")
        summed: NDArray[np.float64] = _finished(handle).numpy()
        return summed

    def allgather(self, value: Value) -> list[Value]:
        """Return the values of all ranks, in the order of ranks."""
        self.messages.next_exchange()
        sent = self.messages.seal(value)
        sizes = _finished(hvd.allgather_async(_length(sent), name="lengths")).tolist()
        together = _finished(hvd.allgather_async(_content(sent), name="messages"))
        contents = torch.split(together, sizes)
        return [
            self.messages.open(content.numpy().tobytes(), sender)
            for sender, content in enumerate(contents)
        ]

    def broadcast_tensors(self, tensors: Iterable[Tensor]) -> None:
        """Overwrite ``tensors`` with those of rank 0, in place."""
        for tensor in tensors:
            _finished(hvd.broadcast_async_(tensor, root_rank=0, name="tensor"))

    def sum_tensor(self, tensor: Tensor) -> None:
        """Overwrite ``tensor`` with its sum over all ranks, in place."""
        _finished(hvd.allreduce_async_(tensor, op=hvd.Sum, name="sum_tensor"))

    def close(self) -> None:
        """Leave Horovod; all ranks leave together."""
        hvd.shutdown()


def _finished(handle: int) -> Tensor:
    """Wait until the other ranks have taken part in an operation, and return its result."""
    # hvd.synchronize() would never pause. Its loop takes a whole core, perhaps from the rank that
    # it waits for.
    awake_until = time.monotonic() + SECONDS_AWAKE
    while not hvd.poll(handle):
        if time.monotonic() < awake_until:
            os.sched_yield()
        else:
            time.sleep(PAUSE_SECONDS)
    result: Tensor = hvd.synchronize(handle)
    return result


def _length(message: bytes) -> Tensor:
    return torch.tensor([len(message)])


def _content(message: bytes) -> Tensor:
    return torch.frombuffer(bytearray(message), dtype=torch.uint8)


def _shares_cores(place: Placement) -> bool:
    """Return whether the ranks of this node seem to share cores.

    They do if the node has fewer cores than its ranks would need, each as many as this rank.
    """
    return len(os.sched_getaffinity(0)) * place.local_size > (os.cpu_count() or 1)


def _horovod_environment(place: Placement) -> dict[str, str]:
    """Return the environment variables that Horovod's own launcher would set.

    Horovod calls the number of a node "cross rank", and the number of nodes "cross size".
    """
    return {
        "HOROVOD_RANK": str(place.rank),
        "HOROVOD_SIZE": str(place.size),
        "HOROVOD_LOCAL_RANK": str(place.local_rank),
        "HOROVOD_LOCAL_SIZE": str(place.local_size),
        "HOROVOD_CROSS_RANK": str(place.node),
        "HOROVOD_CROSS_SIZE": str(place.nodes),
        "HOROVOD_HOSTNAME": _node_name(place.node),
        "HOROVOD_CONTROLLER": "gloo",
        "HOROVOD_CPU_OPERATIONS": "gloo",
        "HOROVOD_GLOO_IFACE": place.interface,
    }


def _node_name(node: int) -> str:
    """Return a name for a node; Horovod only compares names and never looks them up."""
    return f"node{node}"
