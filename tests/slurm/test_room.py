"""Whether a submitted head process keeps the largest training waiting."""

import pytest

from calobatch.slurm.checks.request import Attempt, Request
from calobatch.slurm.geometry import Geometry
from calobatch.slurm.room import in_the_way
from calobatch.slurm.sinfo import Node, Partition
from calobatch.slurm.site import Site


def partition(name, *nodes, default=False):
    return Partition(name, default, True, 1440, tuple(nodes))


def node(name, cpus=4, memory=8000, state="idle"):
    return Node(name, cpus, memory, state, {})


def request(nodes, cores, mb_per_core=1000):
    shape = Geometry(nodes, cores, 0, 1)
    return Request("big", "cpu", "gloo", shape, (Attempt(60, mb_per_core),))


ALL = {"all": partition("all", node("c1"), node("c2"), default=True)}
APART = {
    "batch": partition("batch", node("c0"), default=True),
    "gpu": partition("gpu", node("c1"), node("c2")),
}
SITE = Site(cpus_per_node=4)


@pytest.mark.parametrize(
    ("partitions", "site", "nodes", "cores", "blocked"),
    [
        (ALL, {}, 2, 4, True),  # all cores of all nodes
        (ALL, {}, 1, 4, False),  # the other node is left
        (ALL, {}, 2, 3, False),  # a core is left on each node
        (ALL, {}, 3, 4, False),  # too large for the cluster, which another check says
        ({"all": ALL["all"]._replace(nodes=(node("c1"),))}, {}, 1, 4, True),  # the only node
        (APART, {"partition": "gpu"}, 2, 4, True),
    ],
)
def test_the_head_is_in_the_way_only_if_too_few_nodes_are_left(
    partitions, site, nodes, cores, blocked
):
    there = SITE.model_copy(update=site)
    problem = in_the_way(request(nodes, cores), there, partitions, head_mb=1000)
    assert bool(problem) == blocked
    assert not blocked or "c1" in problem


def test_memory_counts_too():
    """Two cores with 3,500 MB each need 7,000 of 8,000 MB, so 1,000 MB are left for a head."""
    two = request(2, 2, mb_per_core=3500)
    assert in_the_way(two, SITE, ALL, head_mb=1000) == ""
    assert in_the_way(two, SITE, ALL, head_mb=1001)


def test_a_head_in_a_partition_of_other_nodes_is_not_in_the_way():
    gpus = [node(name)._replace(gpus={"": 4}) for name in ("c1", "c2")]
    apart = APART | {"gpu": partition("gpu", *gpus)}
    site = SITE.model_copy(update={"partition": "batch", "gpu_partition": "gpu"})
    on_gpus = request(2, 4)._replace(shape=Geometry(2, 4, 4, 1))
    assert in_the_way(on_gpus, site, apart, head_mb=1000) == ""
    together = site.model_copy(update={"partition": "gpu"})
    assert in_the_way(on_gpus, together, apart, head_mb=1000)
