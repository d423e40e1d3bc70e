"""Horovod over Gloo (NCCL between GPUs), without ssh and without MPI.

Horovod's own launcher is not used: it wants ssh between nodes. Rank 0 runs Horovod's rendezvous
server at a place that the launcher chose, and every rank is told its place by the environment.
"""

import os
import socket
import threading
import time
from collections.abc import Iterable
from dataclasses import replace
from typing import TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from calobatch.communicator.placement import Placement
from calobatch.errors import JobError, UserError

try:
    import horovod.torch as hvd
    from horovod.runner.common.util.hosts import HostInfo, get_host_assignments
    from horovod.runner.http.http_server import RendezvousHandler, RendezvousHTTPServer
except ImportError as error:
    raise UserError(
        f"Horovod cannot be imported ({error}); run `make setup`, or set communicator to torch"
    ) from None

RENDEZVOUS_TIMEOUT_SECONDS = 45.0
# Every cycle the ranks agree on what is ready. Horovod's own 1 ms is 4 to 13 % faster than 5 where
# each rank has its cores, and slower where ranks on the CPU share them.
SHARED_CORES_CYCLE_MILLISECONDS = "5"

Value = TypeVar("Value")


class HorovodCommunicator:
    """The ranks of one Horovod job."""

    def __init__(self, place: Placement, device: torch.device) -> None:
        if device.type == "cpu" and _shares_cores(place):
            os.environ.setdefault("HOROVOD_CYCLE_TIME", SHARED_CORES_CYCLE_MILLISECONDS)
        if place.rank == 0:
            place = replace(place, port=_serve_rendezvous(place))
        _wait_for_rendezvous(place)
        os.environ.update(_horovod_environment(place))
        hvd.init()
        if hvd.size() != place.size:
            raise JobError(f"Horovod found {hvd.size()} ranks, the launcher started {place.size}")
        self.rank, self.size = place.rank, place.size

    def broadcast(self, value: Value) -> Value:
        """Return rank 0's ``value`` on every rank."""
        # Without a name Horovod takes the type's, and waits for ever if the ranks' types differ.
        received: Value = hvd.broadcast_object(value, root_rank=0, name="broadcast")
        return received

    def allreduce(self, array: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the sum over ranks of ``array``."""
        summed: NDArray[np.float64] = hvd.allreduce(torch.from_numpy(array), op=hvd.Sum).numpy()
        return summed

    def allgather(self, value: Value) -> list[Value]:
        """Return the ``value`` of every rank, in the order of ranks."""
        gathered: list[Value] = hvd.allgather_object(value, name="allgather")
        return gathered

    def broadcast_tensors(self, tensors: Iterable[Tensor]) -> None:
        """Overwrite ``tensors`` with rank 0's, in place."""
        for tensor in tensors:
            hvd.broadcast_(tensor, root_rank=0)

    def sum_tensor(self, tensor: Tensor) -> None:
        """Overwrite ``tensor`` with its sum over ranks, in place."""
        hvd.allreduce_(tensor, op=hvd.Sum, name="sum_tensor")

    def close(self) -> None:
        """Leave Horovod; the ranks part together."""
        hvd.shutdown()


def _shares_cores(place: Placement) -> bool:
    """Return whether the ranks of a node run on the same cores, for all that can be seen here."""
    return len(os.sched_getaffinity(0)) * place.local_size > (os.cpu_count() or 1)


def _horovod_environment(place: Placement) -> dict[str, str]:
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
        "HOROVOD_GLOO_RENDEZVOUS_ADDR": place.address,
        "HOROVOD_GLOO_RENDEZVOUS_PORT": str(place.port),
    }


def _node_name(node: int) -> str:
    """Name a node to Horovod, which only compares names."""
    return f"node{node}"


def _serve_rendezvous(place: Placement) -> int:
    """Start Horovod's rendezvous server in a thread that ends with the process; return its port.

    A rank that no launcher started has port 0, which takes any free one.
    """
    # The first node's own name may lead to its loopback, where the other nodes cannot reach it.
    listen_at = place.address if place.nodes == 1 else ""
    try:
        server = RendezvousHTTPServer((listen_at, place.port), RendezvousHandler, False)
    except OSError as error:
        raise JobError(
            f"rank 0 cannot listen on port {place.port} ({error}); run the same command again"
        ) from None
    hosts = [HostInfo(_node_name(node), place.local_size) for node in range(place.nodes)]
    server.init(get_host_assignments(hosts, place.size, place.size))
    threading.Thread(target=server.serve_forever, name="rendezvous", daemon=True).start()
    return int(server.server_address[1])


def _wait_for_rendezvous(place: Placement) -> None:
    deadline = time.monotonic() + RENDEZVOUS_TIMEOUT_SECONDS
    while True:
        try:
            socket.create_connection((place.address, place.port), timeout=5).close()
        except OSError as error:
            if time.monotonic() > deadline:
                raise JobError(
                    f"rank {place.rank} cannot reach rank 0 at {place.address}:{place.port} "
                    f"({error}) after {RENDEZVOUS_TIMEOUT_SECONDS:.0f} s"
                ) from None
            time.sleep(0.1)
        else:
            return
