"""Write what jobs requested and used: as a table for a terminal, and as a CSV file."""

import csv
from collections.abc import Sequence
from pathlib import Path

from calobatch.atomic import atomic_path
from calobatch.slurm.usage.used import Measured

COLUMNS = (
    "job", "rule", "wildcards", "state", "try", "nodes", "time", "of", "cores", "of", "MB/node",
    "of", "GPUs", "busy", "Wh", "MB/GPU",
)  # fmt: skip
# Columns of words; the others have numbers, which end below each other.
WORDS = {1, 2, 3}
NOT_MEASURED = "?"
# Names of files are longer than a line of a terminal has room for.
LONGEST = 36


def as_table(jobs: Sequence[Measured]) -> str:
    """Return a table with one line per job.

    Each column "of" has what was requested of the quantity before it, and "try" the number of the
    attempt and, after a plus, how many times SLURM returned the job to the queue.
    """
    rows = [COLUMNS, *(_row(measured) for measured in jobs)]
    widths = [max(len(row[i]) for row in rows) for i in range(len(COLUMNS))]
    return "\n".join(
        "  ".join(
            cell.ljust(width) if i in WORDS else cell.rjust(width)
            for i, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    )


def _row(measured: Measured) -> tuple[str, ...]:
    job, used = measured.job, measured.used
    tries = str(measured.workflow.attempt)
    return (
        job.id,
        measured.workflow.rule,
        _shortened(str(measured.workflow)) or "-",
        measured.state,
        f"{tries} +{measured.requeues}" if measured.requeues else tries,
        str(job.nodes),
        _clock(used.seconds),
        _clock(60 * job.minutes) if job.minutes is not None else "unlimited",
        _number(used.cores, ".1f"),
        str(job.cpus),
        _number(used.memory, ",.0f"),
        f"{measured.memory_requested:,.0f}" if measured.memory_requested else "-",
        str(job.gpus) if job.gpus else "-",
        _number(used.gpu_utilisation, ".0%") if job.gpus else "-",
        _number(_watt_hours(used.gpu_joules), ".3g") if job.gpus else "-",
        _number(used.gpu_memory, ",.0f") if job.gpus else "-",
    )


def _shortened(text: str) -> str:
    """Return the text, without its middle if it is long."""
    if len(text) <= LONGEST:
        return text
    half = (LONGEST - len("...")) // 2
    return f"{text[: LONGEST - len('...') - half]}...{text[-half:]}"


def _number(value: float | None, form: str) -> str:
    return NOT_MEASURED if value is None else format(value, form)


def _watt_hours(joules: float | None) -> float | None:
    return None if joules is None else joules / 3600


def _clock(seconds: float) -> str:
    """Return hours, minutes and seconds, for example "1:02:03"."""
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes // 60}:{minutes % 60:02}:{rest:02}"


CSV_COLUMNS = (
    "job", "scenario", "rule", "wildcards", "attempt", "requeues", "state", "nodes",
    "seconds", "seconds_requested", "cores", "cores_requested",
    "mb_per_node", "mb_per_node_requested",
    "gpus_requested", "gpu_utilisation", "gpu_joules", "gpu_memory_mb",
)  # fmt: skip


def write_csv(jobs: Sequence[Measured], path: Path) -> None:
    """Write one line per job, either the whole file or nothing.

    A cell is empty if the quantity was not measured, or if its request is unlimited or unknown.
    Memory is in MB of 1024 * 1024 bytes, that of GPUs in MB of 1,000,000 bytes.
    """
    with atomic_path(path) as partial, partial.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(CSV_COLUMNS)
        for measured in jobs:
            writer.writerow("" if cell is None else cell for cell in _cells(measured))


def _cells(measured: Measured) -> tuple[object, ...]:
    workflow, job, used = measured.workflow, measured.job, measured.used
    return (
        job.id,
        workflow.scenario,
        workflow.rule,
        ",".join(f"{name}={value}" for name, value in workflow.wildcards.items()),
        workflow.attempt,
        measured.requeues,
        measured.state,
        job.nodes,
        used.seconds,
        None if job.minutes is None else 60 * job.minutes,
        _rounded(used.cores, 3),
        job.cpus,
        _rounded(used.memory, 1),
        _rounded(measured.memory_requested or None, 1),
        job.gpus,
        _rounded(used.gpu_utilisation, 3),
        _rounded(used.gpu_joules, 1),
        _rounded(used.gpu_memory, 1),
    )


def _rounded(value: float | None, digits: int) -> float | None:
    return None if value is None else round(value, digits)
