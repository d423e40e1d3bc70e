"""Horovod over Gloo (NCCL between GPUs), without ssh and without MPI.

Horovod's own launcher is not used, because it needs ssh between nodes. This module does its work:
rank 0 runs Horovod's rendezvous server at the address and port of its placement, and every rank
passes its placement to Horovod in environment variables. The ranks first meet at that server
(meeting.py).
"""

import os
import threading
from collections.abc import Iterable
from dataclasses import replace
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException
from typing import TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from calobatch.communicator.meeting import LIMIT_VARIABLE, find_rank_0, limit_seconds, meet
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

# The part of the rendezvous server that has the ranks that have checked in. Horovod uses others.
BOARD_SCOPE = "meeting"
SECONDS_PER_REQUEST = 5.0
# Once per cycle the ranks agree on which tensors are ready. Horovod's default of 1 ms is 4 to 13 %
# faster than 5 ms if each rank has cores of its own, and slower if ranks on the CPU share cores:
# Horovod's threads then take the cores from the computation.
SHARED_CORES_CYCLE_MILLISECONDS = "5"

Value = TypeVar("Value")


class HorovodCommunicator:
    """The ranks of one Horovod job."""

    def __init__(self, place: Placement, device: torch.device) -> None:
        if device.type == "cpu" and _shares_cores(place):
            os.environ.setdefault("HOROVOD_CYCLE_TIME", SHARED_CORES_CYCLE_MILLISECONDS)
        limit = limit_seconds()
        if place.rank == 0:
            place = replace(place, port=_serve_rendezvous(place))
        else:
            find_rank_0(place, limit)
        meet(place, RendezvousBoard(place), limit)
        os.environ[LIMIT_VARIABLE] = str(limit)
        # hvd.init() takes its placement from the environment.
        os.environ.update(_horovod_environment(place))
        hvd.init()
        if hvd.size() != place.size:
            raise JobError(
                f"Horovod found {hvd.size()} ranks, but the launcher started {place.size}"
            )
        self.rank, self.size = place.rank, place.size

    def broadcast(self, value: Value) -> Value:
        """Return rank 0's ``value`` on every rank."""
        # Horovod matches the calls of the ranks by name. Its default name is the type of the value,
        # so it would wait forever if the types differed between ranks.
        received: Value = hvd.broadcast_object(value, root_rank=0, name="broadcast")
        return received

    def allreduce(self, array: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the sum of ``array`` over all ranks."""
        summed: NDArray[np.float64] = hvd.allreduce(torch.from_numpy(array), op=hvd.Sum).numpy()
        return summed

    def allgather(self, value: Value) -> list[Value]:
        """Return the values of all ranks, in the order of ranks."""
        gathered: list[Value] = hvd.allgather_object(value, name="allgather")
        return gathered

    def broadcast_tensors(self, tensors: Iterable[Tensor]) -> None:
        """Overwrite ``tensors`` with those of rank 0, in place."""
        for tensor in tensors:
            hvd.broadcast_(tensor, root_rank=0)

    def sum_tensor(self, tensor: Tensor) -> None:
        """Overwrite ``tensor`` with its sum over all ranks, in place."""
        hvd.allreduce_(tensor, op=hvd.Sum, name="sum_tensor")

    def close(self) -> None:
        """Leave Horovod; all ranks leave together."""
        hvd.shutdown()


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
        "HOROVOD_GLOO_RENDEZVOUS_ADDR": place.address,
        "HOROVOD_GLOO_RENDEZVOUS_PORT": str(place.port),
    }


def _node_name(node: int) -> str:
    """Return a name for a node; Horovod only compares names and never looks them up."""
    return f"node{node}"


class _Rendezvous(RendezvousHTTPServer):  # type: ignore[misc]
    """Horovod's rendezvous server, for many ranks that call at the same moment."""

    request_queue_size = 1024


def _serve_rendezvous(place: Placement) -> int:
    """Start Horovod's rendezvous server in a thread that ends with the process; return its port.

    The port of ``place`` is 0 if no launcher started this rank; the server then takes a free one.
    """
    # With several nodes, listen on all interfaces: on the first node its own name may stand for the
    # loopback interface, which the other nodes cannot reach. On one node nobody else needs access.
    listen_at = place.address if place.nodes == 1 else ""
    try:
        server = _Rendezvous((listen_at, place.port), RendezvousHandler, False)
    except OSError as error:
        raise JobError(
            f"rank 0 cannot listen on port {place.port} ({error}); run the same command again"
        ) from None
    # The server must know which ranks run on which node before the first of them asks.
    hosts = [HostInfo(_node_name(node), place.local_size) for node in range(place.nodes)]
    server.init(get_host_assignments(hosts, place.size, place.size))
    threading.Thread(target=server.serve_forever, name="rendezvous", daemon=True).start()
    return int(server.server_address[1])


class RendezvousBoard:
    """The board of the meeting (meeting.py), on Horovod's rendezvous server."""

    def __init__(self, place: Placement) -> None:
        self.place = place

    def put(self, name: str) -> bool:
        """Put ``name`` on the board, and return whether the server has accepted it."""
        return self._accepted("PUT", name)

    def has(self, name: str) -> bool:
        """Return whether ``name`` is on the board."""
        return self._accepted("GET", name)

    def _accepted(self, method: str, name: str) -> bool:
        # Not urllib, which would send this through the user's proxy.
        connection = HTTPConnection(
            self.place.address, self.place.port, timeout=SECONDS_PER_REQUEST
        )
        try:
            connection.request(method, f"/{BOARD_SCOPE}/{name}", body=b"here")
            return connection.getresponse().status == HTTPStatus.OK
        except HTTPException as error:
            raise ConnectionError(f"rank 0's server does not speak HTTP: {error!r}") from None
        finally:
            connection.close()
