"""Ask SLURM what it allocated to the job of this process."""

import math
from collections.abc import Mapping

from calobatch.allocation import Allocation
from calobatch.slurm.ask import ask
from calobatch.slurm.printed import SLURM_MB, number_of_gpus, read_memory, read_resources, read_time
from calobatch.slurm.sinfo import read_minutes

# SLURM's own variables would not do: it has none for the walltime before version 23.02, and
# Snakemake's SLURM plugin removes most of the others. The numbers are widths of columns.
FORMAT = "timelimit:32,starttime:32,tres-alloc:256"
# The other ranks wait for the one that asks, and an answer is not worth a long delay.
SECONDS_FOR_AN_ANSWER = 10.0


def ask_allocation(environment: Mapping[str, str]) -> Allocation | None:
    """Return the allocation of a job if this process is its first rank, and otherwise None.

    Also return None if SLURM does not answer: a missing fact in the record must not end a training.
    """
    job = environment.get("SLURM_JOB_ID")
    # Outside of a step, no variable has a number of the rank.
    if not job or environment.get("SLURM_PROCID", "0") != "0":
        return None
    answer = ask(
        ["squeue", "--noheader", f"--jobs={job}", f"--Format={FORMAT}"],
        timeout=SECONDS_FOR_AN_ANSWER,
        environment=environment,
    )
    return None if answer.code else read_allocation(answer.output)


def read_allocation(output: str) -> Allocation | None:
    """Return what squeue printed with FORMAT; None if it is not that of one running job."""
    columns = output.split()
    if len(columns) != 3:
        return None
    limit, start, resources = columns
    started, given = read_time(start), read_resources(resources)
    if started is None or not {"node", "cpu"} <= set(given):
        return None
    seconds, memory = 60 * read_minutes(limit), read_memory(given.get("mem", ""))
    return Allocation(
        started=started,
        seconds=seconds if math.isfinite(seconds) else None,
        nodes=int(given["node"]),
        cores=int(given["cpu"]),
        memory_mb=memory * SLURM_MB if memory else None,
        gpus=number_of_gpus(given),
    )
