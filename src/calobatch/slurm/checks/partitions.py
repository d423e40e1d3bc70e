"""Checks of the partitions: whether they exist and have room and time for the jobs."""

import os
import re
import shlex

from calobatch.errors import JobError, UserError
from calobatch.slurm.ask import ask
from calobatch.slurm.checks.case import Case
from calobatch.slurm.checks.finding import Finding, failed, ok, warning
from calobatch.slurm.geometry import (
    DATA_MB,
    MOST_CORES,
    Geometry,
    job_options,
    memory,
    partition_of,
)
from calobatch.slurm.profile import PROFILE, minutes_of
from calobatch.slurm.room import demands, fitting, in_the_way
from calobatch.slurm.sinfo import (
    Node,
    Partition,
    ask_partitions,
    names,
    partition_named,
)
from calobatch.slurm.site import SITE_FILE
from calobatch.slurm.submit import HEAD_MB
from calobatch.slurm.trial import environment_of_trial


def partitions_exist(case: Case) -> Finding:
    """Check that the partitions in the site file exist and take jobs."""
    try:
        case.partitions = ask_partitions(case.site)
        used = [partition_of_jobs(case), partition_of_trainings(case)]
    except JobError as error:
        return failed(str(error), "ask the cluster's support")
    except UserError as error:
        return failed(str(error), f"correct partition and gpu_partition in {SITE_FILE}")
    closed = [partition.name for partition in used if not partition.up]
    if closed:
        return failed(
            f"partition {closed[0]} is closed, so no job starts in it",
            f"name another partition in {SITE_FILE}, or wait until it opens (`sinfo -s`)",
        )
    return ok(" and ".join(dict.fromkeys(partition.name for partition in used)))


def partition_of_jobs(case: Case) -> Partition:
    """Return the partition of the jobs that need no GPU."""
    return partition_named(case.partitions, case.site.partition)


def partition_of_trainings(case: Case) -> Partition:
    """Return the partition of the largest training."""
    return partition_named(case.partitions, partition_of(case.request.shape, case.site))


def nodes_for_training(case: Case, attempt: int = 0) -> list[Node]:
    """Return the nodes that are large enough for the largest training, available or not."""
    wanted = demands(case.request, case.site, attempt)
    return fitting(partition_of_trainings(case).nodes, wanted)


def nodes_fit(case: Case) -> Finding:
    """Check that enough nodes are large enough for the largest training, and available."""
    partition, wanted = partition_of_trainings(case), case.request.shape.nodes
    fit = nodes_for_training(case)
    if len(fit) < wanted:
        return _too_small(case, partition)
    away = [node for node in fit if not node.available]
    result = (
        f"{_nodes(wanted)} needed; {len(fit)} in {partition.name} are large enough, "
        f"{len(fit) - len(away)} of them available" + (f" ({names(away)})" if away else "")
    )
    if len(fit) - len(away) < wanted:
        return warning(
            result,
            "wait until more nodes are available (`sinfo -R` shows why they are not), or lower "
            "the number of ranks",
        )
    for attempt in range(1, len(case.request.attempts)):
        if len(nodes_for_training(case, attempt)) < wanted:
            return warning(
                f"{result}; too few nodes are large enough for attempt {attempt + 1} of a job, "
                f"which requests {case.request.memory_per_node(attempt)} MB per node",
                f"set mb_per_node in {SITE_FILE} to the MB of a node; no job requests more",
            )
    return ok(result)


def _too_small(case: Case, partition: Partition) -> Finding:
    wanted = case.request.shape.nodes
    for demand in demands(case.request, case.site):
        most = sorted((demand.of_node(node) for node in partition.nodes), reverse=True)
        if sum(have >= demand.amount for have in most) < wanted:
            return failed(
                f"a training needs {demand.amount} {demand.what} per node on {_nodes(wanted)}; "
                f"{partition.name} has {_nodes(len(most))}, the largest with "
                f"{', '.join(map(str, most[:3]))}",
                f"correct {demand.key} in {SITE_FILE}, lower the number of ranks, or name another "
                "partition",
            )
    return failed(
        f"{partition.name} has fewer than {_nodes(wanted)} with enough cores, GPUs and memory "
        "together",
        f"name another partition in {SITE_FILE}, or lower the number of ranks",
    )


def _nodes(count: int) -> str:
    return "1 node" if count == 1 else f"{count} nodes"


def time_limit(case: Case) -> Finding:
    """Compare the walltimes that jobs request with what their partitions allow."""
    asked = (
        ("jobs", partition_of_jobs(case), minutes_of("any other")),
        ("trainings", partition_of_trainings(case), [n.minutes for n in case.request.attempts]),
    )
    for who, partition, minutes in asked:
        if minutes[0] > partition.minutes:
            return failed(
                f"{who} request {minutes[0]} minutes, but {partition.name} allows "
                f"{partition.minutes:.0f}",
                f"lower runtime in {PROFILE}; a training that runs out of time continues from its "
                "checkpoint",
            )
        if minutes[-1] > partition.minutes:
            return warning(
                f"repeated attempts of {who} request up to {minutes[-1]} minutes, but "
                f"{partition.name} allows {partition.minutes:.0f}",
                f"limit runtime in {PROFILE}, for example min({partition.minutes:.0f}, "
                f"{minutes[0]} * attempt)",
            )
    return ok(
        "; ".join(
            f"{who} request {minutes[0]} to {minutes[-1]} of {partition.minutes:.0f} minutes in "
            f"{partition.name}"
            for who, partition, minutes in asked
        )
    )


def accepted(case: Case) -> Finding:
    """Ask SLURM whether it would accept the jobs of a run, without submitting them."""
    first = case.request.attempts[0]
    training = job_options(case.request.shape, case.site, *first)
    cores = min(MOST_CORES, case.site.cpus_per_node)
    memory_per_cpu = memory(DATA_MB, 1, cores, case.site)
    data = job_options(
        Geometry(1, 1, 0, cores), case.site, minutes_of("any other")[0], memory_per_cpu
    )
    start = None
    for options in (data, training):
        # --requeue as the profile has it.
        answer = ask(
            ["sbatch", "--test-only", "--requeue", *options, "--wrap=true"],
            environment=environment_of_trial(os.environ),
        )
        if answer.code:
            return failed(
                f"`sbatch {shlex.join(options)}` is refused: {answer.complaint}",
                f"correct {SITE_FILE}, or lower what {PROFILE} requests",
            )
        start = re.search(r"start at (\S+).* on nodes (\S+)", answer.complaint)
    return ok(
        "a training would start at {} on {}".format(*start.groups())
        if start
        else "the jobs are accepted"
    )


def submitted_head(case: Case) -> Finding:
    """Check that a head process that is a job leaves enough nodes for the largest training."""
    if problem := in_the_way(case.request, case.site, case.partitions, HEAD_MB):
        return warning(
            problem,
            "do not use `make submit`, but run `snakemake --profile slurm` on the login node; or "
            f"name another partition in {SITE_FILE}, or lower the number of ranks",
        )
    return ok("a head process that runs as a job leaves enough nodes for the largest training")
