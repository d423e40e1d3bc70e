"""Compare the wall time of the last quickstart on this machine with the useful work in it.

This runs nothing. Snakemake recorded when each job began and ended, and its benchmark files have
the CPU times.
"""

import base64
import csv
import json
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from benchmarks.comparison import Goal, Row, Skipped
from benchmarks.inputs import Inputs
from benchmarks.workload import CORES, Workload
from calobatch.checkout import CHECKOUT
from calobatch.run.files import HISTORY_FILE, RECORD_FILE
from calobatch.run.history import read_history
from calobatch.run.training import RunRecord

WHAT = f"whole quickstart, {CORES} cores"
LONGEST_PAUSE_SECONDS = 60.0


class Job(NamedTuple):
    """When a job began and ended, in seconds since 1970."""

    begun: float
    ended: float


def rows(workload: Workload, inputs: Inputs) -> Iterator[Row | Skipped]:
    """Yield one row; it is from a single run, so its spread is unknown."""
    jobs = jobs_of("quickstart")
    if not (CHECKOUT / "results/quickstart/report.html").exists():
        yield Skipped(WHAT, "the quickstart has not run here; `make run`, then `make bench`")
    elif longest_pause(jobs) > LONGEST_PAUSE_SECONDS:
        yield Skipped(
            WHAT,
            "it was interrupted; remove results/quickstart and data/quickstart, then `make run`",
        )
    else:
        wall = max(job.ended for job in jobs) - min(job.begun for job in jobs)
        useful = (cpu_seconds("simulate") + cpu_seconds("pack") + compute_seconds()) / CORES
        times = wall / useful
        yield Row(
            WHAT,
            "simulate, pack, forward and backward alone",
            "s",
            wall,
            useful,
            times,
            times,
            times,
            Goal(1.3, at_most=True),
            note="one run",
        )


def jobs_of(scenario: str) -> list[Job]:
    """Return the jobs that made the present results of a scenario, in the order of their start."""
    jobs = set()
    for record in (CHECKOUT / ".snakemake/metadata").glob("*"):
        output = base64.urlsafe_b64decode(record.name).decode()
        content = json.loads(record.read_text(encoding="utf-8"))
        # Snakemake has one record per output. The outputs of one job can differ by milliseconds, so
        # rounding makes them one job in the set.
        if output.startswith((f"data/{scenario}/", f"results/{scenario}/")):
            jobs.add(Job(round(content["starttime"], 1), round(content["endtime"], 1)))
    return sorted(jobs)


def longest_pause(jobs: list[Job]) -> float:
    """Return the longest time between jobs, in seconds."""
    pause, ended = 0.0, jobs[0].ended if jobs else 0.0
    for job in jobs:
        pause, ended = max(pause, job.begun - ended), max(ended, job.ended)
    return pause


def cpu_seconds(rule: str) -> float:
    """Return the CPU seconds of all jobs of a rule, from Snakemake's benchmark files."""
    total = 0.0
    for path in (CHECKOUT / "logs/quickstart" / rule).rglob("*.tsv"):
        with path.open(encoding="utf-8") as file:
            total += sum(float(line["cpu_time"]) for line in csv.DictReader(file, delimiter="\t"))
    return total


def compute_seconds() -> float:
    """Return the core-seconds of forward, backward and optimizer, summed over all ranks."""
    return sum(_compute_seconds(path.parent) for path in _records())


def _records() -> Iterator[Path]:
    return (CHECKOUT / "results/quickstart").glob(f"*/seed*/{RECORD_FILE}")


def _compute_seconds(run: Path) -> float:
    record = RunRecord.read(run / RECORD_FILE)
    return record.ranks * sum(epoch.compute_seconds for epoch in read_history(run / HISTORY_FILE))
