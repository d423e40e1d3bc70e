"""Orphans: jobs whose head process was killed. A new head process ends them before it starts.

Otherwise orphans would write the same files as the jobs of the new head process.
"""

import subprocess
import sys
import time
from pathlib import Path
from typing import NamedTuple

from calobatch.launch import SECONDS_TO_LEAVE

SECONDS_BETWEEN_LOOKS = 2.0


class Orphan(NamedTuple):
    """A job that Snakemake submitted from this folder: its SLURM id, and the rule that it runs."""

    job: str
    rule: str


def end_orphans(folder: Path) -> None:
    """End the jobs that an earlier head process submitted from ``folder``.

    Trainings are given time to write a checkpoint. A head process must call this before it submits
    jobs of its own.
    """
    orphans = find_orphans(_listed(), folder)
    if not orphans:
        return
    names = ", ".join(f"{orphan.job} ({orphan.rule})" for orphan in orphans)
    print(
        f"calobatch: ending jobs that an earlier head process left behind: {names}", file=sys.stderr
    )
    jobs = [orphan.job for orphan in orphans]
    # Jobs that still wait have nothing to save, and must not start while the others leave.
    subprocess.run(["scancel", "--state=PENDING", *jobs], check=False)
    # The signal asks trainings for a checkpoint, which they write before they leave. A training
    # then requeues its job (requeue.py), so the jobs are cancelled at the end.
    subprocess.run(["scancel", "--signal=USR1", *jobs], check=False, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + SECONDS_TO_LEAVE
    while find_orphans(_listed(), folder) and time.monotonic() < deadline:
        time.sleep(SECONDS_BETWEEN_LOOKS)
    subprocess.run(["scancel", *jobs], check=False, stderr=subprocess.DEVNULL)
    while find_orphans(_listed(), folder):
        time.sleep(SECONDS_BETWEEN_LOOKS)


def find_orphans(listing: str, folder: Path) -> list[Orphan]:
    """Return the jobs of ``listing`` that Snakemake submitted from ``folder``.

    Each line of ``listing`` is "job|comment|folder". Snakemake's SLURM plugin writes the rule and
    its wildcards into the comment.
    """
    found = []
    for line in listing.splitlines():
        job, comment, where = line.split("|", maxsplit=2)
        if where == str(folder) and comment.startswith("rule_"):
            found.append(Orphan(job, comment.removeprefix("rule_").partition("_wildcards_")[0]))
    return found


def _listed() -> str:
    command = ["squeue", "--me", "--noheader", "--format=%i|%k|%Z"]
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout
