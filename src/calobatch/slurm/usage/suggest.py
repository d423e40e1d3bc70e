"""The smaller request that would have been enough for the jobs of a rule."""

import math
from collections.abc import Sequence
from typing import NamedTuple

from calobatch.slurm.geometry import NOTICE_SECONDS
from calobatch.slurm.usage.used import Measured

# A request covers this multiple of the largest use.
MARGIN = 1.3
MINUTES_STEP = 5
MB_STEP = 100
# The rules whose number of cores follows from cpus_per_rank of the site file. Others have threads.
TRAINING = "train"
TRAININGS = (TRAINING, "trial")


class Suggestion(NamedTuple):
    """A request for all jobs of a rule; what cannot be made smaller, or was not measured, is None.

    ``minutes`` and ``mb_per_core`` are those of the first attempt, and ``most_mb_per_core`` is what
    a node has for any attempt, None if that is unknown. ``mb_per_core`` belongs to ``cores``: fewer
    cores may need more memory each, but not more together. ``cores`` is the number per job, or per
    rank of a training.
    """

    rule: str
    minutes: int | None = None
    mb_per_core: int | None = None
    most_mb_per_core: int | None = None
    cores: int | None = None


def suggest(rule: str, jobs: Sequence[Measured], mb_per_node: int = 0) -> Suggestion:
    """Return the smaller request for the jobs of ``rule``.

    It covers MARGIN times the largest use of all of them, failed ones included, and never exceeds
    what any of them requested. Nothing is suggested before a job of the rule has completed.
    ``mb_per_node`` is that of the site file; 0 if it is unknown.
    """
    if not any(measured.state == "COMPLETED" for measured in jobs):
        return Suggestion(rule)
    cores = _fewer_cores(jobs)
    # With fewer cores, a job takes longer, and its memory is divided among fewer of them. If that
    # does not fit into the walltime or the memory that it has, it keeps its cores.
    if cores and (
        _needed_minutes(jobs, cores) > _least_minutes(jobs)
        or _needed_memory(jobs, cores) > _least_memory(jobs, cores)
    ):
        cores = None
    minutes = _round_up(_needed_minutes(jobs, cores), MINUTES_STEP)
    needed, least = _needed_memory(jobs, cores), _least_memory(jobs, cores)
    memory = min(_round_up(needed, MB_STEP), least) if needed else least
    # Fewer cores always come with a memory per core, because together they must keep enough.
    smaller = math.isfinite(least) and (cores is not None or needed <= memory < least)
    return Suggestion(
        rule,
        minutes=minutes if minutes < _least_minutes(jobs) else None,
        mb_per_core=int(memory) if smaller else None,
        most_mb_per_core=_most_memory(jobs, cores, mb_per_node) if smaller else None,
        cores=cores,
    )


def _fewer_cores(jobs: Sequence[Measured]) -> int | None:
    """Return the number of cores per rank that would have kept up with the busiest job."""
    busy = [job.used.cores / job.used.ranks for job in jobs if job.used.cores is not None]
    if not busy:
        return None
    fewer = max(math.ceil(MARGIN * max(busy)), *(job.used.threads for job in jobs), 1)
    return fewer if fewer < min(_cores_per_rank(job) for job in jobs) else None


def _cores_per_rank(measured: Measured) -> float:
    return measured.job.cpus / measured.used.ranks


def _least_minutes(jobs: Sequence[Measured]) -> float:
    """Return the walltime of a first attempt: the second one requests twice as much, and so on."""
    limits = [job.job.minutes / job.workflow.attempt for job in jobs if job.job.minutes is not None]
    return min(limits, default=math.inf)


def _needed_minutes(jobs: Sequence[Measured], cores: int | None) -> float:
    """Return the walltime for the longest job, if each rank has ``cores`` cores."""
    longest = max(
        job.used.seconds * (_cores_per_rank(job) / cores if cores else 1.0) for job in jobs
    )
    # A training needs its last minutes to write a checkpoint and leave.
    return (MARGIN * longest + NOTICE_SECONDS) / 60


def _least_memory(jobs: Sequence[Measured], cores: int | None) -> float:
    """Return the MB per core of a first attempt, in whole MB, if they are for fewer cores."""
    known = [
        job.memory_requested / _cores_per_node(job, cores) / job.workflow.attempt
        for job in jobs
        if job.memory_requested
    ]
    return float(math.floor(min(known))) if known else math.inf


def _needed_memory(jobs: Sequence[Measured], cores: int | None) -> float:
    """Return the MB per core for the largest job; 0 if memory was not measured."""
    return max(MARGIN * (job.used.memory or 0.0) / _cores_per_node(job, cores) for job in jobs)


def _most_memory(jobs: Sequence[Measured], cores: int | None, mb_per_node: int) -> int | None:
    """Return the MB per core that a node of the site has for each of the jobs."""
    if not mb_per_node:
        return None
    return int(mb_per_node // max(_cores_per_node(job, cores) for job in jobs))


def _cores_per_node(measured: Measured, cores: int | None) -> float:
    each = cores or _cores_per_rank(measured)
    return each * measured.used.ranks / measured.job.nodes


def _round_up(value: float, step: int) -> int:
    return step * math.ceil(value / step)
