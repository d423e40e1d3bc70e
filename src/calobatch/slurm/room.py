"""Whether a head process that runs as a job leaves enough nodes for the largest training.

It occupies a part of a node until the run is done. On a small cluster, a training that needs all
cores of all nodes would wait for the head process, which waits for the training.
"""

from collections.abc import Mapping

from calobatch.slurm.checks.request import Request
from calobatch.slurm.geometry import partition_of
from calobatch.slurm.sinfo import Node, Partition, partition_named
from calobatch.slurm.site import Site


def in_the_way(
    request: Request, site: Site, partitions: Mapping[str, Partition], head_mb: int
) -> str:
    """Return how a head process of one core and ``head_mb`` MB keeps a training waiting, or "".

    ``partitions`` comes from sinfo.ask_partitions. The text is also empty if the training would
    wait even without a head process. Raises a UserError if the site file names a partition that
    does not exist.
    """
    heads = partition_named(partitions, site.partition)
    trainings = partition_named(partitions, partition_of(request.shape, site))
    wanted = request.shape.nodes
    fit = [node for node in trainings.nodes if _fits(node, request, site)]
    hosts = {node.name for node in heads.nodes}
    blocked = [
        node.name
        for node in fit
        if node.name in hosts and not _fits(node, request, site, cores=1, mb=head_mb)
    ]
    if len(fit) < wanted or len(fit) - bool(blocked) >= wanted:
        return ""
    return (
        f"{request.task} needs {wanted} of the {len(fit)} nodes of {trainings.name} that are large "
        f"enough, with {request.shape.cpus_per_node} cores and {request.memory_per_node(0)} MB on "
        f"each; a submitted head process on {blocked[0]} leaves too little there, and the training "
        "would wait for ever"
    )


def _fits(node: Node, request: Request, site: Site, cores: int = 0, mb: int = 0) -> bool:
    """Return whether a node has room for its share of a training beside ``cores`` and ``mb``."""
    return (
        node.available
        and node.cpus - cores >= request.shape.cpus_per_node
        and node.memory - mb >= request.memory_per_node(0)
        and node.gpus_of(site.gpu_type) >= request.shape.gpus_per_node
    )
