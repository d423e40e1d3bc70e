"""Jobs whose head process was killed: they would work beside those of the next one."""

import subprocess
import sys
import time
from pathlib import Path
from typing import NamedTuple

# What a training may take to leave a checkpoint.
SECONDS_TO_LEAVE = 60.0
SECONDS_BETWEEN_LOOKS = 2.0


class Orphan(NamedTuple):
    """A job that Snakemake submitted from this folder: its id, and the rule it runs."""

    job: str
    rule: str


def end_orphans(folder: Path) -> None:
    """End the jobs that a former head submitted from ``folder``; trainings leave a checkpoint.

    To be called by a head before it submits its own.
    """
    orphans = find_orphans(_listed(), folder)
    if not orphans:
        return
    names = ", ".join(f"{orphan.job} ({orphan.rule})" for orphan in orphans)
    print(f"calobatch: ending jobs of a head process that is gone: {names}", file=sys.stderr)
    jobs = [orphan.job for orphan in orphans]
    # Requeued, they would come back.
    subprocess.run(["scancel", "--state=PENDING", *jobs], check=False)
    subprocess.run(["scancel", "--signal=USR1", *jobs], check=False, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + SECONDS_TO_LEAVE
    while find_orphans(_listed(), folder) and time.monotonic() < deadline:
        time.sleep(SECONDS_BETWEEN_LOOKS)
    subprocess.run(["scancel", *jobs], check=False, stderr=subprocess.DEVNULL)
    while find_orphans(_listed(), folder):
        time.sleep(SECONDS_BETWEEN_LOOKS)


def find_orphans(listing: str, folder: Path) -> list[Orphan]:
    """Return the jobs of ``listing`` (job, comment, folder) that Snakemake submitted there."""
    found = []
    for line in listing.splitlines():
        job, comment, where = line.split("|", maxsplit=2)
        if where == str(folder) and comment.startswith("rule_"):
            found.append(Orphan(job, comment.removeprefix("rule_").partition("_wildcards_")[0]))
    return found


def _listed() -> str:
    command = ["squeue", "--me", "--noheader", "--format=%i|%k|%Z"]
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout
