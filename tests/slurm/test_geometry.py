"""The shapes of many jobs, compared with the sbatch command that the real plugin makes of them."""

import re
import shlex
from collections import UserDict

import pytest
from snakemake_executor_plugin_slurm.submit_string import get_submit_command
from snakemake_executor_plugin_slurm.utils import set_gres_string
from snakemake_executor_plugin_slurm.validation import validate_slurm_extra

from calobatch.errors import UserError
from calobatch.slurm.geometry import geometry, job_options, launcher, memory, resources
from calobatch.slurm.site import Site

GRID = [
    (ranks, device, gpus, cpus)
    for ranks in (1, 2, 3, 4, 6, 8, 12, 16)
    for device in ("auto", "cpu")
    for gpus in (0, 1, 2, 4)
    for cpus in (4, 16)
]


class Resources(UserDict):
    """What Snakemake passes to its plugin: a mapping whose keys are attributes too."""

    def __getattr__(self, name):
        return self.data[name]


class Job:
    threads = 1

    def __init__(self, asked):
        self.resources = Resources(asked)


def sbatch(asked):
    names = ("run_uuid", "slurm_logfile", "comment_str", "account", "partition", "workdir")
    job = Job(asked)
    validate_slurm_extra(job)
    return get_submit_command(job, dict.fromkeys(names, "x")) + set_gres_string(job)


def option(command, name):
    found = re.search(rf"--{name}[= ](\S+)", command)
    return found and found.group(1)


def site(gpus, cpus, **more):
    return Site(gpus_per_node=gpus, cpus_per_node=cpus, **more)


@pytest.mark.parametrize(("ranks", "device", "gpus", "cpus"), GRID)
def test_every_rank_has_its_core_and_its_gpu_and_no_node_is_overfull(ranks, device, gpus, cpus):
    there = site(gpus, cpus)
    shape = geometry(ranks, device, there)
    assert shape.nodes * shape.ranks_per_node == ranks
    assert shape.ranks_per_node <= (gpus if device != "cpu" and gpus else cpus)
    assert shape.gpus_per_node == (shape.ranks_per_node if device != "cpu" and gpus else 0)


@pytest.mark.parametrize(("ranks", "device", "gpus", "cpus"), GRID)
def test_sbatch_requests_exactly_this_shape(ranks, device, gpus, cpus):
    there = site(gpus, cpus, gpu_type="a100")
    shape = geometry(ranks, device, there)
    command = sbatch(resources(shape, there))
    assert option(command, "nodes") == str(shape.nodes)
    per_node, in_all = option(command, "ntasks-per-node"), option(command, "ntasks")
    # Without either option sbatch starts one task.
    asked = int(per_node) * shape.nodes if per_node else int(in_all or 1)
    assert asked == ranks
    assert option(command, "gres") == (
        f"gpu:a100:{shape.gpus_per_node}" if shape.gpus_per_node else None
    )
    assert option(command, "cpus-per-task") == "1"
    assert "ntasks-per-gpu" not in command
    assert "--gpus" not in command
    assert option(command, "signal") == "USR1@120"


@pytest.mark.parametrize(("ranks", "device", "gpus", "cpus"), GRID)
def test_srun_starts_the_shape_that_sbatch_requested(ranks, device, gpus, cpus):
    there = site(gpus, cpus)
    shape = geometry(ranks, device, there)
    command = launcher(shape)
    if ranks == 1:
        assert command == ""
        return
    assert option(command, "nodes") == str(shape.nodes)
    assert option(command, "ntasks") == str(ranks)
    assert option(command, "ntasks-per-node") == str(shape.ranks_per_node)


def test_the_ranks_are_spread_evenly_over_as_few_nodes_as_possible():
    there = site(4, 64)
    nodes = {ranks: geometry(ranks, "auto", there).nodes for ranks in (1, 4, 6, 7, 8, 12)}
    assert nodes == {1: 1, 4: 1, 6: 2, 7: 7, 8: 2, 12: 3}


def test_trainings_go_to_the_partition_of_their_device():
    there = site(4, 64, partition="batch", gpu_partition="gpu")
    chosen = {
        device: resources(geometry(4, device, there), there)["slurm_partition"]
        for device in ("auto", "cpu")
    }
    assert chosen == {"auto": "gpu", "cpu": "batch"}


def test_a_rank_larger_than_a_node_is_refused():
    message = "8 cores, but a node has only 4; correct cpus_per_rank or cpus_per_node"
    with pytest.raises(UserError, match=message):
        geometry(2, "cpu", site(0, 4, cpus_per_rank=8))


def test_a_rank_has_the_cores_that_the_site_gives_or_its_threads_if_that_is_more():
    there = site(0, 16, cpus_per_rank=2)
    shapes = {threads: geometry(8, "cpu", there, threads) for threads in (1, 2, 4)}
    assert {n: (s.nodes, s.cpus_per_rank) for n, s in shapes.items()} == {
        1: (1, 2),
        2: (1, 2),
        4: (2, 4),
    }
    assert option(sbatch(resources(shapes[4], there)), "cpus-per-task") == "4"
    assert option(launcher(shapes[4]), "cpus-per-task") == "4"


def test_memory_grows_with_the_attempt_up_to_what_a_node_has():
    known, unknown = site(0, 4, mb_per_node=8000), site(0, 4)
    asked = [memory(2000, attempt, cores_per_node=2, site=known) for attempt in (1, 2, 3)]
    assert asked == [2000, 4000, 4000]
    assert memory(2000, 3, cores_per_node=2, site=unknown) == 6000


FULL = Site(
    account="physics",
    partition="batch",
    gpu_partition="gpu",
    gpus_per_node=2,
    cpus_per_node=16,
    constraint="a100&ib",
    qos="long",
    reservation="course",
    exclude=("node07", "node[10-12]"),
    sbatch_options="--licenses='a b'",
)
# The short options that the plugin uses, and what sbatch takes a job for if an option is absent.
LONG = {"-A": "--account", "-p": "--partition", "-t": "--time", "-C": "--constraint"}
ONE_TASK = {"--nodes": "1", "--ntasks": "1"}
# What differs for each job, or is not a request.
NOT_COMPARED = {"--job-name", "--output", "--export", "--comment", "--parsable", "--signal", "-D"}


def requested(words):
    """Return the options of a command by their long name, whichever way they are written."""
    found = dict(ONE_TASK)
    words = iter(words)
    for word in words:
        name, equals, value = word.partition("=")
        if name in LONG or name in ("--mem-per-cpu", "--job-name", "--output", "--comment", "-D"):
            found[LONG.get(name, name)] = value if equals else next(words)
        else:
            found[name] = value
    if "--ntasks-per-node" in found:
        found.pop("--ntasks")
    return {name: value for name, value in found.items() if name not in NOT_COMPARED}


@pytest.mark.parametrize("ranks", [1, 2, 4, 8])
@pytest.mark.parametrize("device", ["auto", "cpu"])
def test_the_doctor_requests_exactly_what_the_plugin_submits(ranks, device):
    shape = geometry(ranks, device, FULL)
    asked = resources(shape, FULL) | {"runtime": 60, "mem_mb_per_cpu": 4000}
    command = shlex.split(sbatch(asked).replace(" x x ", " "))[1:]
    partition = asked["slurm_partition"]
    given = [*command, "-A", asked["slurm_account"], "-p", partition]
    assert requested(given) == requested(job_options(shape, FULL, 60, 4000))
    assert requested(given)["--constraint"] == "a100&ib"
    assert requested(given)["--qos"] == "long"
    assert requested(given)["--reservation"] == "course"
    assert requested(given)["--exclude"] == "node07,node[10-12]"
    assert requested(given)["--licenses"] == "a b"
