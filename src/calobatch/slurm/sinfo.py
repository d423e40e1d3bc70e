"""The partitions of a cluster and their nodes, as sinfo lists them."""

import math
import re
from collections.abc import Sequence
from typing import NamedTuple

from calobatch.errors import UserError

SINFO_FORMAT = "%P|%a|%l|%n|%c|%m|%t|%G"
# Beginnings of the short names of states in which a node takes no job.
OUT_OF_USE = ("down", "drain", "drng", "fail", "maint", "unk", "inval", "futr")
GPUS = re.compile(r"gpu:(?:([^:,()]+):)?(\d+)")


class Node(NamedTuple):
    """A node; ``memory`` in MB, ``gpus`` by type ("" if the site names none)."""

    name: str
    cpus: int
    memory: int
    state: str
    gpus: dict[str, int]

    @property
    def in_use(self) -> bool:
        """Whether it takes jobs; a star says that it does not answer."""
        return not self.state.startswith(OUT_OF_USE) and "*" not in self.state

    def gpus_of(self, kind: str) -> int:
        """Return the number of its GPUs of a type, or of all types without one."""
        return self.gpus.get(kind, 0) if kind else sum(self.gpus.values())


class Partition(NamedTuple):
    """A partition. ``minutes``: the longest that a job may ask for, perhaps infinite."""

    name: str
    default: bool
    up: bool
    minutes: float
    nodes: tuple[Node, ...]


def read_partitions(output: str) -> dict[str, Partition]:
    """Return the partitions in what `sinfo --noheader --Node --format=SINFO_FORMAT` printed."""
    found: dict[str, Partition] = {}
    for line in output.splitlines():
        starred, available, limit, node, cpus, memory, state, gres = line.strip().split("|")
        name = starred.rstrip("*")
        known = found.get(name)
        there = Node(node, int(cpus), int(memory.rstrip("+")), state, read_gpus(gres))
        found[name] = Partition(
            name,
            starred.endswith("*"),
            available == "up",
            read_minutes(limit),
            (*(known.nodes if known else ()), there),
        )
    return found


def read_gpus(gres: str) -> dict[str, int]:
    """Return the number of GPUs by type in a text such as "gpu:a100:4(S:0-1),shard:8"."""
    gpus: dict[str, int] = {}
    for kind, count in GPUS.findall(gres):
        gpus[kind] = gpus.get(kind, 0) + int(count)
    return gpus


def read_minutes(limit: str) -> float:
    """Return the minutes in a text such as "1-00:00:00", "30:00" or "infinite"."""
    if not limit[:1].isdigit():
        return math.inf
    days, _, clock = limit.rpartition("-")
    hours, minutes, seconds = (["0", "0", *clock.split(":")])[-3:]
    return 1440 * int(days or 0) + 60 * int(hours) + int(minutes) + int(seconds) / 60


def partition_named(partitions: dict[str, Partition], name: str) -> Partition:
    """Return a partition, or the default one without a name; a UserError if there is none."""
    if name in partitions:
        return partitions[name]
    if not name:
        for partition in partitions.values():
            if partition.default:
                return partition
    there = ", ".join(partitions) or "none"
    which = f"partition {name!r}" if name else "default partition"
    raise UserError(f"there is no {which} that you may use; there are: {there}")


def names(nodes: Sequence[Node], most: int = 4) -> str:
    """Return the first names of nodes, with their states."""
    listed = ", ".join(f"{node.name} {node.state}" for node in nodes[:most])
    return f"{listed}, ..." if len(nodes) > most else listed
