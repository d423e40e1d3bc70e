"""Whether the partitions fit what the jobs will ask for."""

import re
from collections.abc import Callable
from typing import NamedTuple

from calobatch.errors import UserError
from calobatch.slurm.checks.ask import ask
from calobatch.slurm.checks.case import Case
from calobatch.slurm.checks.finding import Finding, failed, ok, warning
from calobatch.slurm.checks.partitions import (
    SINFO_FORMAT,
    Node,
    Partition,
    names,
    partition_named,
    read_partitions,
)
from calobatch.slurm.checks.request import PROFILE, job_options, minutes_of
from calobatch.slurm.geometry import partition_of
from calobatch.slurm.site import SITE_FILE


def partitions_exist(case: Case) -> Finding:
    """Look for the site file's partitions."""
    answer = ask(["sinfo", "--noheader", "--Node", f"--format={SINFO_FORMAT}"])
    if answer.code:
        return failed(f"sinfo does not answer: {answer.complaint}", "ask the site")
    case.partitions = read_partitions(answer.output)
    try:
        used = [partition_of_jobs(case), partition_of_trainings(case)]
    except UserError as error:
        return failed(str(error), f"correct partition and gpu_partition in {SITE_FILE}")
    closed = [partition.name for partition in used if not partition.up]
    if closed:
        return failed(
            f"partition {closed[0]} is closed: no job starts there now",
            f"name another one in {SITE_FILE}, or wait until it is opened (`sinfo -s`)",
        )
    return ok(" and ".join(dict.fromkeys(partition.name for partition in used)))


def partition_of_jobs(case: Case) -> Partition:
    """Return the partition of the jobs without GPUs."""
    return partition_named(case.partitions, case.site.partition)


def partition_of_trainings(case: Case) -> Partition:
    """Return the partition that the request goes to."""
    return partition_named(case.partitions, partition_of(case.request.shape, case.site))


class Need(NamedTuple):
    """What a job asks of each of its nodes."""

    what: str
    amount: int
    of_node: Callable[[Node], int]
    key: str


def needs(case: Case, attempt: int = 0) -> list[Need]:
    """Return what a training asks of each node."""
    request, kind = case.request, case.site.gpu_type
    return [
        Need("cores", request.shape.cpus_per_node, lambda node: node.cpus, "cpus_per_node"),
        Need(
            f"GPUs{kind and f' of type {kind}'}",
            request.shape.gpus_per_node,
            lambda node: node.gpus_of(kind),
            "gpus_per_node and gpu_type",
        ),
        Need(
            "MB of memory",
            request.memory_per_node(attempt),
            lambda node: node.memory,
            "mb_per_node",
        ),
    ]


def fitting(case: Case, attempt: int = 0) -> list[Node]:
    """Return the nodes that are large enough for the training, in use or not."""
    nodes = partition_of_trainings(case).nodes
    return [n for n in nodes if all(d.of_node(n) >= d.amount for d in needs(case, attempt))]


def nodes_fit(case: Case) -> Finding:
    """Look for nodes that are large enough, and in use."""
    partition, wanted = partition_of_trainings(case), case.request.shape.nodes
    fit = fitting(case)
    if len(fit) < wanted:
        return _too_small(case, partition)
    away = [node for node in fit if not node.in_use]
    result = f"{len(fit)} of {partition.name} fit, {len(fit) - len(away)} are in use, {wanted} " + (
        f"needed ({names(away)})" if away else "needed"
    )
    if len(fit) - len(away) < wanted:
        return warning(
            result, "jobs wait until they are back (`sinfo -R` has the reasons); or lower ranks"
        )
    for attempt in range(1, len(case.request.attempts)):
        if len(fitting(case, attempt)) < wanted:
            return warning(
                f"{result}; but too few for try {attempt + 1} of a job, which asks for "
                f"{case.request.memory_per_node(attempt)} MB a node",
                f"set mb_per_node in {SITE_FILE}, which no job outgrows",
            )
    return ok(result)


def _too_small(case: Case, partition: Partition) -> Finding:
    wanted = case.request.shape.nodes
    for need in needs(case):
        most = sorted((need.of_node(node) for node in partition.nodes), reverse=True)
        if sum(have >= need.amount for have in most) < wanted:
            return failed(
                f"{need.amount} {need.what} a node are asked for on {wanted} node(s); the largest "
                f"of {len(most)} nodes of {partition.name} have {', '.join(map(str, most[:3]))}",
                f"correct {need.key} in {SITE_FILE}, lower ranks, or name another partition",
            )
    return failed(
        f"{partition.name} has no {wanted} node(s) with enough cores, GPUs and memory at once",
        f"name another partition in {SITE_FILE}, or lower ranks",
    )


def time_limit(case: Case) -> Finding:
    """Compare the time that jobs ask for with what their partitions allow."""
    asked = (
        (partition_of_jobs(case), minutes_of("any other")),
        (partition_of_trainings(case), [each.minutes for each in case.request.attempts]),
    )
    for partition, minutes in asked:
        if minutes[0] > partition.minutes:
            return failed(
                f"jobs ask for {minutes[0]} minutes, {partition.name} allows "
                f"{partition.minutes:.0f}",
                f"lower runtime in {PROFILE}: a training goes on where it was cut off",
            )
        if minutes[-1] > partition.minutes:
            return warning(
                f"retries ask for up to {minutes[-1]} minutes, {partition.name} allows "
                f"{partition.minutes:.0f}",
                f"let runtime grow less in {PROFILE}: min({partition.minutes:.0f}, "
                f"{minutes[0]} * attempt)",
            )
    return ok(
        "; ".join(
            f"{minutes[0]} to {minutes[-1]} of {partition.minutes:.0f} minutes in {partition.name}"
            for partition, minutes in asked
        )
    )


def accepted(case: Case) -> Finding:
    """Ask SLURM whether it would take the training, without submitting it."""
    first = case.request.attempts[0]
    options = job_options(case.request.shape, case.site, *first)
    answer = ask(["sbatch", "--test-only", *options, "--wrap=true"])
    if answer.code:
        return failed(
            f"sbatch {' '.join(options)}: {answer.complaint}",
            f"correct {SITE_FILE}, or lower what the profile asks for ({PROFILE})",
        )
    start = re.search(r"start at (\S+).* on nodes (\S+)", answer.complaint)
    return ok("would start at {} on {}".format(*start.groups()) if start else "takes the job")
