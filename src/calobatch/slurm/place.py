"""The place of a rank that `srun` started, from SLURM's variables."""

import ipaddress
import socket
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

import psutil

from calobatch.communicator.placement import Placement
from calobatch.errors import JobError
from calobatch.slurm.secret import secret_of_step

# Linux takes ports from 32768 up for outgoing connections, so none of those can occupy these ports.
FIRST_PORT, PORTS = 20_000, 10_000


def place_of_rank(environment: Mapping[str, str], interface: str = "") -> Placement:
    """Return the place of this rank. Rank 0 is on the first node of the job and listens there.

    ``interface`` is the network interface to use; by default the one that leads to the other nodes.
    Raises a JobError outside of a SLURM job step, or if the name of another node is unknown.
    """
    try:
        number = {name: int(environment[f"SLURM_{name}"]) for name in _NUMBERS}
        names = host_names(environment["SLURM_STEP_NODELIST"])
    except (KeyError, ValueError) as error:
        raise JobError(
            f"srun did not set the variables that give this rank its place ({error}); start the "
            "ranks with srun"
        ) from None
    node = number["NODEID"]
    return Placement(
        rank=number["PROCID"],
        size=number["NTASKS"],
        local_rank=number["LOCALID"],
        local_size=number["NTASKS"] // number["NNODES"],
        node=node,
        nodes=number["NNODES"],
        address=address_of_rank_0(names, node),
        port=rendezvous_port(number["JOB_ID"], number["STEP_ID"]),
        interface=interface or interface_to_others(names, node),
        secret=secret_of_step(Path.cwd(), number["JOB_ID"], number["STEP_ID"], environment),
    )


_NUMBERS = ("PROCID", "NTASKS", "LOCALID", "NODEID", "NNODES", "JOB_ID", "STEP_ID")


def rendezvous_port(job: int, step: int) -> int:
    """Return the port on which rank 0 listens.

    Every rank must know the port before the ranks can talk, so it is computed from the job and the
    step. Steps of jobs that follow each other have different ports, because they may share a node.
    """
    return FIRST_PORT + (job * 31 + step) % PORTS


def host_names(node_list: str) -> list[str]:
    """Return the names in a list such as "c[1-2],d7", expanded by SLURM's own program.

    Raises a JobError if there are none.
    """
    answer = subprocess.run(
        ["scontrol", "show", "hostnames", node_list], capture_output=True, text=True, check=False
    )
    names = answer.stdout.split()
    if not names:
        raise JobError(f"scontrol cannot expand the node list {node_list!r}: {answer.stderr}")
    return names


def address_of_rank_0(names: Sequence[str], node: int) -> str:
    """Return where the ranks of this node reach rank 0; on the first node rank 0 listens there.

    Raises a JobError if the first node has no address at which the other nodes may reach it.
    """
    if len(names) == 1:
        return "127.0.0.1"
    if node > 0:
        return names[0]
    # The first node's own name may stand for the loopback interface, which the other nodes cannot
    # reach. Otherwise it is the name by which they know it.
    own = {known.address for addresses in psutil.net_if_addrs().values() for known in addresses}
    for address in _addresses(names[0]):
        if address in own and not ipaddress.ip_address(address).is_loopback:
            return address
    try:
        return _address_towards(names[1])
    except OSError as error:
        raise _no_way(names[1], error) from None


def _addresses(name: str) -> list[str]:
    """Return the IPv4 addresses of a host; none if its name is unknown."""
    try:
        found = socket.getaddrinfo(name, None, socket.AF_INET, socket.SOCK_STREAM)
    except OSError:
        return []
    return [str(address[0]) for *_, address in found]


def interface_to_others(names: Sequence[str], node: int) -> str:
    """Return the network interface through which this node reaches the other nodes of the job.

    ``names`` are the nodes of the job, ``node`` is the index of this one. Raises a JobError if no
    interface leads there.
    """
    if len(names) == 1:
        return "lo"
    other = names[1] if node == 0 else names[0]
    try:
        return _interface_with(_address_towards(other))
    except (OSError, LookupError) as error:
        raise _no_way(other, error) from None


def _address_towards(other: str) -> str:
    """Return the address of this node from which packets to the node ``other`` leave."""
    # Connecting a UDP socket sends nothing. It makes the kernel choose a route, and so the address
    # of the interface that the route leaves by. Port 9 is "discard".
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.connect((other, 9))
        return str(probe.getsockname()[0])


def _no_way(other: str, error: Exception) -> JobError:
    return JobError(
        f"no network interface leads from {socket.gethostname()} to {other} ({error}); set "
        "network_interface in the site file"
    )


def _interface_with(address: str) -> str:
    for interface, addresses in psutil.net_if_addrs().items():
        if any(known.address == address for known in addresses):
            return str(interface)
    raise LookupError(f"no interface has the address {address}")
