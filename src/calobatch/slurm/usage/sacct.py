"""Jobs as SLURM's accounting has them: what each one requested, and what its steps used.

Memory is in MB of 1024 * 1024 bytes, as SLURM counts it.
"""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from calobatch.errors import JobError, UserError
from calobatch.slurm.ask import NO_PROGRAM, Answer, ask
from calobatch.slurm.printed import number_of_gpus, read_memory, read_resources, read_time

# The submit line is last, because it may contain every character, a line break included.
FIELDS = (
    "JobIDRaw", "State", "ElapsedRaw", "TotalCPU", "NNodes", "NCPUS", "NTasks", "AllocTRES",
    "ReqTRES", "MaxRSS", "TRESUsageInTot", "TimelimitRaw", "Submit", "Start", "End", "JobName",
    "WorkDir", "SubmitLine",
)  # fmt: skip
ROW = re.compile(r"\d+(\.\w+)?\|" + r"[^|]*\|" * (len(FIELDS) - 2))
# Accounting of years may be large.
TIMEOUT_SECONDS = 120.0


class Step(NamedTuple):
    """One part of a run, for example the batch script or the ranks that srun started.

    ``task_memory`` is that of the largest task, and ``memory`` the sum over all tasks on all nodes.
    Both are in MB, and None if SLURM did not record them.
    """

    name: str
    state: str
    seconds: float
    nodes: int
    tasks: int
    task_memory: float | None
    memory: float | None


class Run(NamedTuple):
    """One time that SLURM started a job; it starts a requeued job again.

    ``cpu_seconds`` is the time in which its cores computed. ``start`` and ``end`` are in seconds
    since 1970, and None if the job has not started or ended.
    """

    state: str
    seconds: float
    cpu_seconds: float
    start: float | None
    end: float | None
    steps: tuple[Step, ...]


class Job(NamedTuple):
    """A job and what it requested; ``memory`` is that of all nodes together, 0 if unknown.

    ``name`` is the same for all jobs of one head process. ``minutes`` is the walltime, None if it
    is unlimited. ``submitted`` is in seconds since 1970.
    """

    id: str
    name: str
    folder: str
    submit_line: str
    submitted: float
    minutes: float | None
    nodes: int
    cpus: int
    memory: float
    gpus: int
    runs: tuple[Run, ...]


def ask_jobs(since: str) -> list[Job]:
    """Return all jobs that this user submitted since ``since``, a time that sacct understands.

    Raises a UserError if this machine has no sacct, and a JobError if sacct fails.
    """
    answer = _ask_sacct(since)
    if answer.code == NO_PROGRAM:
        raise UserError(
            "the program sacct, which reads SLURM's accounting, is not installed on this machine; "
            "run `calobatch usage` on the login node of the cluster"
        )
    if answer.code:
        raise JobError(
            f"sacct does not list your jobs: {answer.complaint}; if it refuses the time, correct "
            "--since (for example 2026-01-31 or now-2days), otherwise try again when SLURM answers"
        )
    return read_jobs(answer.output)


def _ask_sacct(since: str) -> Answer:
    command = [
        "sacct", "--noheader", "--parsable2", "--duplicates", f"--starttime={since}",
        f"--format={','.join(FIELDS)}",
    ]  # fmt: skip
    # With --duplicates, a requeued job has one entry for each run.
    return ask(command, TIMEOUT_SECONDS)


def read_jobs(output: str) -> list[Job]:
    """Return the jobs that sacct printed, in the order of their submission.

    sacct prints a row for each run of a job, followed by a row for each of its steps.
    """
    jobs: dict[str, Job] = {}
    steps: list[Step] = []
    # A run comes before its steps, so rows are read from the last one.
    for row in reversed(_rows(output)):
        number, _, step = row["JobIDRaw"].partition(".")
        if step:
            steps.insert(0, _step(step, row))
            continue
        run = _run(row, steps)
        steps = []
        later = jobs.get(number)
        jobs[number] = later._replace(runs=(run, *later.runs)) if later else _job(number, row, run)
    return sorted(jobs.values(), key=lambda job: (job.submitted, int(job.id)))


def _rows(output: str) -> list[dict[str, str]]:
    """Return the fields of each row, by name. Lines that begin no row continue a submit line."""
    rows: list[str] = []
    for line in output.splitlines():
        if ROW.match(line):
            rows.append(line)
        elif rows:
            rows[-1] += f"\n{line}"
    return [
        dict(zip(FIELDS, row.split("|", maxsplit=len(FIELDS) - 1), strict=True)) for row in rows
    ]


def _step(name: str, row: dict[str, str]) -> Step:
    return Step(
        name=name,
        state=row["State"],
        seconds=float(row["ElapsedRaw"] or 0),
        nodes=max(int(row["NNodes"] or 1), 1),
        tasks=max(int(row["NTasks"] or 1), 1),
        task_memory=read_memory(row["MaxRSS"]),
        memory=read_memory(read_resources(row["TRESUsageInTot"]).get("mem", "")),
    )


def _run(row: dict[str, str], steps: Sequence[Step]) -> Run:
    # "CANCELLED by 1000" names the user who cancelled the job.
    state = row["State"].split()[0] if row["State"] else "UNKNOWN"
    # If only one process of a step was killed for its memory, the job itself counts as FAILED.
    if any(step.state.startswith("OUT_OF_ME") for step in steps):
        state = "OUT_OF_MEMORY"
    return Run(
        state=state,
        seconds=float(row["ElapsedRaw"] or 0),
        cpu_seconds=read_seconds(row["TotalCPU"]),
        start=read_time(row["Start"]),
        end=read_time(row["End"]),
        steps=tuple(steps),
    )


def _job(number: str, row: dict[str, str], run: Run) -> Job:
    # A job that never started has nothing allocated.
    given = read_resources(row["ReqTRES"]) | read_resources(row["AllocTRES"])
    limit = row["TimelimitRaw"]
    return Job(
        id=number,
        name=row["JobName"],
        folder=row["WorkDir"],
        submit_line=row["SubmitLine"],
        submitted=read_time(row["Submit"]) or 0.0,
        minutes=float(limit) if limit.isdigit() else None,
        nodes=max(int(given.get("node") or row["NNodes"] or 1), 1),
        cpus=max(int(given.get("cpu") or row["NCPUS"] or 1), 1),
        memory=read_memory(given.get("mem", "")) or 0.0,
        gpus=number_of_gpus(given),
        runs=(run,),
    )


def read_seconds(text: str) -> float:
    """Return the seconds in a text such as "1-02:03:04" (days), "02:03:04" or "00:07.482"."""
    days, _, clock = text.rpartition("-")
    seconds = 0.0
    for part in clock.split(":"):
        seconds = 60 * seconds + float(part or 0)
    return 86400 * int(days or 0) + seconds


def submitted_from(jobs: Sequence[Job], folder: Path) -> list[Job]:
    """Return the jobs that were submitted from ``folder``, under any of its names."""
    here = folder.resolve()
    return [job for job in jobs if job.folder and Path(job.folder).resolve() == here]


def ask_sampling() -> float | None:
    """Return how often SLURM samples the memory of a job, in seconds; None if it never does."""
    answer = ask(["scontrol", "show", "config"])
    return read_sampling(answer.output)


def read_sampling(config: str) -> float | None:
    """Return the same from what `scontrol show config` printed; 30 s, SLURM's default, if empty."""
    kind = re.search(r"^JobAcctGatherType\s*=\s*(\S+)", config, re.MULTILINE)
    if kind and (kind[1].endswith("/none") or kind[1] == "(null)"):
        return None
    # "30", or "task=30,energy=10"
    often = re.search(r"^JobAcctGatherFrequency\s*=\s*(?:\S*task=)?(\d+)", config, re.MULTILINE)
    return float(often[1]) or None if often else 30.0
