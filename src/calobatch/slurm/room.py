"""Whether nodes have room for a training, alone or beside a head process that runs as a job."""

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from calobatch.slurm.checks.request import Request
from calobatch.slurm.geometry import partition_of
from calobatch.slurm.sinfo import Node, Partition, partition_named
from calobatch.slurm.site import Site


class Demand(NamedTuple):
    """The amount of one resource that a job requests on each node, and the key that sets it."""

    what: str
    amount: int
    of_node: Callable[[Node], int]
    key: str


def demands(request: Request, site: Site, attempt: int = 0) -> list[Demand]:
    """Return what a training requests on each node; ``attempt`` counts from 0."""
    kind = site.gpu_type
    return [
        Demand("cores", request.shape.cpus_per_node, lambda node: node.cpus, "cpus_per_node"),
        Demand(
            f"GPUs{kind and f' of type {kind}'}",
            request.shape.gpus_per_node,
            lambda node: node.gpus_of(kind),
            "gpus_per_node and gpu_type",
        ),
        Demand(
            "MB of memory",
            request.memory_per_node(attempt),
            lambda node: node.memory,
            "mb_per_node",
        ),
    ]


def fitting(nodes: Sequence[Node], wanted: Sequence[Demand]) -> list[Node]:
    """Return the nodes that are large enough for what a job requests, available or not."""
    return [node for node in nodes if all(one.of_node(node) >= one.amount for one in wanted)]


def in_the_way(
    request: Request, site: Site, partitions: Mapping[str, Partition], head_mb: int
) -> str:
    """Return how a head process of one core and ``head_mb`` MB keeps a training waiting, or "".

    The head process occupies a part of a node until the run is done. On a small cluster, a training
    that needs all cores of all nodes would wait for it, while it waits for the training. The text
    is also empty if the training would wait even without a head process. ``partitions`` comes from
    sinfo.ask_partitions. Raises a UserError if the site file names a partition that does not exist.
    """
    heads = partition_named(partitions, site.partition)
    trainings = partition_named(partitions, partition_of(request.shape, site))
    nodes, wanted = request.shape.nodes, demands(request, site)
    fit = [node for node in fitting(trainings.nodes, wanted) if node.available]
    hosts = {node.name for node in heads.nodes}
    rest = [
        node._replace(cpus=node.cpus - 1, memory=node.memory - head_mb)
        for node in fit
        if node.name in hosts
    ]
    large_enough = fitting(rest, wanted)
    blocked = [node.name for node in rest if node not in large_enough]
    if len(fit) < nodes or len(fit) - bool(blocked) >= nodes:
        return ""
    return (
        f"{request.task} needs {nodes} of the {len(fit)} nodes of {trainings.name} that are large "
        f"enough, with {request.shape.cpus_per_node} cores and {request.memory_per_node(0)} MB on "
        f"each; a submitted head process on {blocked[0]} leaves too little there, and the training "
        "would wait for ever"
    )
