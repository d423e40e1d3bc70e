"""Orphans: jobs whose head process was killed. The next head process ends them before it starts.

Otherwise orphans would write the same files as the jobs of the new head process.
"""

import sys
import time
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import NamedTuple

from calobatch.errors import JobError
from calobatch.slurm.ask import ask
from calobatch.stop_signals import SECONDS_TO_LEAVE

SECONDS_BETWEEN_LOOKS = 2.0
# After scancel a job ends within a minute, unless its node does not answer.
SECONDS_TO_END = 600.0


class Orphan(NamedTuple):
    """A job that Snakemake submitted: its SLURM id, and the rule that it runs."""

    job: str
    rule: str


def end_orphans(folder: Path, spared: Collection[str]) -> None:
    """End the jobs that an earlier head process submitted from ``folder``.

    ``spared`` has the runs of other head processes, whose jobs are left alone. Trainings are given
    time to write a checkpoint. A head process must call this before it submits jobs of its own.
    Raises a JobError if SLURM does not answer, or if a job does not end.
    """
    orphans = find_orphans(_listed(), folder, spared)
    if not orphans:
        return
    print(
        f"calobatch: ending jobs that an earlier head process left behind: {_named(orphans)}",
        file=sys.stderr,
    )
    jobs = [orphan.job for orphan in orphans]
    # Jobs that still wait have nothing to save, and must not start while the others leave.
    cancel_waiting = ["scancel", "--state=PENDING", *jobs]
    ask(cancel_waiting)
    # The signal asks trainings for a checkpoint, which they write before they leave. A training
    # then requeues its job (requeue.py): it waits again, and is cancelled.
    ask(["scancel", "--signal=USR1", *jobs])
    _wait_for_end(folder, spared, SECONDS_TO_LEAVE, between=cancel_waiting)
    ask(["scancel", *jobs])
    if left := _wait_for_end(folder, spared, SECONDS_TO_END):
        raise JobError(
            f"jobs of an earlier head process are still running {SECONDS_TO_END / 60:.0f} minutes "
            f"after scancel: {_named(left)}; their node may not answer (`squeue --me`), so start "
            "again when they have left the queue"
        )


def _wait_for_end(
    folder: Path, spared: Collection[str], seconds: float, between: Sequence[str] = ()
) -> list[Orphan]:
    """Wait until the orphans have ended, and return those that have not after ``seconds``.

    The command ``between`` runs between two checks.
    """
    deadline = time.monotonic() + seconds
    while (left := find_orphans(_listed(), folder, spared)) and time.monotonic() < deadline:
        time.sleep(SECONDS_BETWEEN_LOOKS)
        if between:
            ask(between)
    return left


def find_orphans(listing: str, folder: Path, spared: Collection[str]) -> list[Orphan]:
    """Return the jobs of ``listing`` that Snakemake submitted from ``folder``, unless spared.

    Each line of ``listing`` is "job|name|comment|folder". Snakemake's SLURM plugin gives all jobs
    of one run the same name, and writes the rule and its wildcards into the comment.
    """
    found = []
    for line in listing.splitlines():
        # Comments of the user's other jobs may contain line breaks, which leave shorter lines.
        job, name, comment, where = [*line.split("|", maxsplit=3), "", "", ""][:4]
        if where == str(folder) and comment.startswith("rule_") and name not in spared:
            found.append(Orphan(job, comment.removeprefix("rule_").partition("_wildcards_")[0]))
    return found


def _listed() -> str:
    answer = ask(["squeue", "--me", "--noheader", "--format=%i|%j|%k|%Z"])
    if answer.code:
        raise JobError(
            "squeue does not say which jobs an earlier head process left behind: "
            f"{answer.complaint}; try again when SLURM answers"
        )
    return answer.output


def _named(orphans: list[Orphan]) -> str:
    return ", ".join(f"{orphan.job} ({orphan.rule})" for orphan in orphans)
