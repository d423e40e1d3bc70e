"""The partitions of a cluster and their nodes, as SLURM's program sinfo lists them."""

import math
import re
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from calobatch.errors import JobError, UserError
from calobatch.slurm.ask import ask
from calobatch.slurm.site import Site

# Partition, its availability, its time limit; name, cores, memory, state, GPUs and features of the
# node.
SINFO_FORMAT = "%P|%a|%l|%n|%c|%m|%t|%G|%f"
# States in which a node takes no new job, as the beginnings of sinfo's short names for them.
UNAVAILABLE = ("down", "drain", "drng", "fail", "maint", "unk", "inval", "futr")
GPUS = re.compile(r"gpu:(?:([^:,()]+):)?(\d+)")


class Node(NamedTuple):
    """A node. ``memory`` is in MB; ``gpus`` counts GPUs by type, "" if SLURM knows no type."""

    name: str
    cpus: int
    memory: int
    state: str
    gpus: dict[str, int]
    features: frozenset[str] = frozenset()

    @property
    def available(self) -> bool:
        """Whether the node takes jobs, now or when it is free. A star: it does not respond."""
        return not self.state.startswith(UNAVAILABLE) and "*" not in self.state

    def gpus_of(self, kind: str) -> int:
        """Return the number of GPUs of the type ``kind``, or of all types if it is empty."""
        return self.gpus.get(kind, 0) if kind else sum(self.gpus.values())


class Partition(NamedTuple):
    """A partition. ``minutes`` is the longest walltime that a job may request, or infinity."""

    name: str
    default: bool
    up: bool
    minutes: float
    nodes: tuple[Node, ...]


def ask_partitions(site: Site) -> dict[str, Partition]:
    """Ask sinfo for the partitions, with those of their nodes on which jobs of ``site`` may run.

    Raises a JobError if sinfo does not answer.
    """
    # With --all, hidden partitions are listed too: jobs may name them.
    answer = ask(["sinfo", "--all", "--noheader", "--Node", f"--format={SINFO_FORMAT}"])
    if answer.code:
        raise JobError(f"sinfo does not answer: {answer.complaint}")
    excluded = _expanded(site.exclude)
    # Only SLURM understands constraints such as "a100|h100".
    feature = site.constraint if re.fullmatch(r"\w+", site.constraint) else ""
    return {
        name: partition._replace(
            nodes=tuple(
                node
                for node in partition.nodes
                if node.name not in excluded and (not feature or feature in node.features)
            )
        )
        for name, partition in read_partitions(answer.output).items()
    }


def _expanded(nodes: Sequence[str]) -> set[str]:
    """Return the names in lists of nodes such as "node[07-09]"."""
    if not any("[" in name for name in nodes):
        return set(nodes)
    return set(ask(["scontrol", "show", "hostnames", ",".join(nodes)]).output.split())


def read_partitions(output: str) -> dict[str, Partition]:
    """Return the partitions that `sinfo --all --noheader --Node --format=SINFO_FORMAT` printed.

    sinfo prints a line for each pair of a partition and a node, a star after the default partition,
    and a plus after the memory if it differs within a group of nodes.
    """
    found: dict[str, Partition] = {}
    for line in output.splitlines():
        starred, available, limit, node, cpus, memory, state, gres, features = line.strip().split(
            "|"
        )
        name = starred.rstrip("*")
        known = found.get(name)
        there = Node(
            node,
            int(cpus),
            int(memory.rstrip("+")),
            state,
            read_gpus(gres),
            frozenset(features.split(",")),
        )
        found[name] = Partition(
            name,
            starred.endswith("*"),
            available == "up",
            read_minutes(limit),
            (*(known.nodes if known else ()), there),
        )
    return found


def read_gpus(gres: str) -> dict[str, int]:
    """Return the number of GPUs by type from a text such as "gpu:a100:4(S:0-1),shard:8"."""
    gpus: dict[str, int] = {}
    for kind, count in GPUS.findall(gres):
        gpus[kind] = gpus.get(kind, 0) + int(count)
    return gpus


def read_minutes(limit: str) -> float:
    """Return the minutes in a text such as "1-00:00:00" (one day), "30:00" or "infinite"."""
    if not limit[:1].isdigit():
        return math.inf
    days, _, clock = limit.rpartition("-")
    hours, minutes, seconds = (["0", "0", *clock.split(":")])[-3:]
    return 1440 * int(days or 0) + 60 * int(hours) + int(minutes) + int(seconds) / 60


def partition_named(partitions: Mapping[str, Partition], name: str) -> Partition:
    """Return the partition called ``name``, or the default partition if ``name`` is empty.

    A list such as "short,long" returns one partition with the nodes of all of them, because SLURM
    starts a job in whichever has room first. Raises a UserError if there is no such partition.
    """
    if not name:
        for partition in partitions.values():
            if partition.default:
                return partition
    listed = name.split(",")
    for unknown in (one for one in listed if one not in partitions):
        which = f"partition {unknown!r}" if unknown else "default partition"
        raise UserError(f"SLURM has no {which}; it has: {', '.join(partitions) or 'none'}")
    found = [partitions[one] for one in listed]
    nodes = {node.name: node for partition in found for node in partition.nodes}
    return Partition(
        name,
        any(partition.default for partition in found),
        any(partition.up for partition in found),
        max(partition.minutes for partition in found),
        tuple(nodes.values()),
    )


def names(nodes: Sequence[Node], most: int = 4) -> str:
    """Return the names and states of the first ``most`` nodes."""
    listed = ", ".join(f"{node.name} {node.state}" for node in nodes[:most])
    return f"{listed}, ..." if len(nodes) > most else listed
