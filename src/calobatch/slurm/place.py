"""The place of a rank that `srun` started, from SLURM's variables."""

import array
import fcntl
import socket
import subprocess
from collections.abc import Mapping, Sequence

from calobatch.communicator.placement import Placement
from calobatch.errors import JobError

# Below the ports that Linux hands out itself.
FIRST_PORT, PORTS = 20_000, 10_000
SIOCGIFADDR = 0x8915


def place_of_rank(environment: Mapping[str, str], interface: str = "") -> Placement:
    """Return the place of this rank; rank 0 is on the first node and listens there.

    ``interface``: the network to talk over; by default the one that leads to the other nodes.
    Raises a JobError outside of a job step of SLURM, or where another node's name is unknown.
    """
    try:
        number = {name: int(environment[f"SLURM_{name}"]) for name in _NUMBERS}
        names = host_names(environment["SLURM_STEP_NODELIST"])
    except (KeyError, ValueError) as error:
        raise JobError(f"srun did not tell this rank its place ({error})") from None
    node = number["NODEID"]
    return Placement(
        rank=number["PROCID"],
        size=number["NTASKS"],
        local_rank=number["LOCALID"],
        local_size=number["NTASKS"] // number["NNODES"],
        node=node,
        nodes=number["NNODES"],
        address=names[0] if len(names) > 1 else "127.0.0.1",
        port=rendezvous_port(number["JOB_ID"], number["STEP_ID"]),
        interface=interface or interface_to_others(names, node),
    )


_NUMBERS = ("PROCID", "NTASKS", "LOCALID", "NODEID", "NNODES", "JOB_ID", "STEP_ID")


def rendezvous_port(job: int, step: int) -> int:
    """Return the port at which rank 0 listens: known to all, another one for each job step."""
    return FIRST_PORT + (job * 31 + step) % PORTS


def host_names(node_list: str) -> list[str]:
    """Return the names that a list such as "c[1-2],d7" stands for, by SLURM's own program."""
    answer = subprocess.run(
        ["scontrol", "show", "hostnames", node_list], capture_output=True, text=True, check=False
    )
    names = answer.stdout.split()
    if not names:
        raise JobError(f"scontrol cannot expand the node list {node_list!r}: {answer.stderr}")
    return names


def interface_to_others(names: Sequence[str], node: int) -> str:
    """Return the network interface through which this node reaches another one of the job."""
    if len(names) == 1:
        return "lo"
    other = names[1] if node == 0 else names[0]
    try:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            probe.connect((other, 9))  # sends nothing; it only chooses the way
            address = probe.getsockname()[0]
        return _interface_of(address)
    except (OSError, LookupError) as error:
        raise JobError(
            f"no network interface leads from {socket.gethostname()} to {other} ({error}); set "
            "network_interface in the site file"
        ) from None


def _interface_of(address: str) -> str:
    for _, name in socket.if_nameindex():
        if _address_of(name) == address:
            return name
    raise LookupError(f"no interface has the address {address}")


def _address_of(interface: str) -> str:
    """Return the IPv4 address of an interface, or nothing (netdevice(7))."""
    request = array.array("B", interface.encode().ljust(40, b"\0"))
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            fcntl.ioctl(probe, SIOCGIFADDR, request)
        except OSError:
            return ""
    return socket.inet_ntoa(request[20:24])
