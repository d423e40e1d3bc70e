"""requeue: put the job back into the queue when its training left a checkpoint and ended early.

A walltime or a preemption is no failure, and must not use up the attempts that failures have.
"""

import os
import subprocess
import sys
import time
from collections.abc import Sequence

from calobatch.errors import StoppedError

SECONDS_UNTIL_SLURM_ENDS_THE_JOB = 120


def requeue(command: Sequence[str]) -> None:
    """Run ``command`` and end as it does; if it was stopped on request, requeue the SLURM job.

    Where SLURM refuses, the exit code is that of the stopped command, and Snakemake tries again.
    """
    code = subprocess.run(command, check=False).returncode
    job = os.environ.get("SLURM_JOB_ID")
    if code == StoppedError.exit_code and job and _is_wanted(job):
        answer = subprocess.run(["scontrol", "requeue", job], check=False)
        if answer.returncode == 0:
            print(f"job {job} was put back into the queue", file=sys.stderr, flush=True)
            time.sleep(SECONDS_UNTIL_SLURM_ENDS_THE_JOB)
    sys.exit(code if code >= 0 else 128 - code)


def _is_wanted(job: str) -> bool:
    """Return whether the job goes on as far as SLURM knows: a user who cancelled it meant it."""
    command = ["squeue", "--noheader", "--format=%T", f"--jobs={job}"]
    answer = subprocess.run(command, capture_output=True, text=True, check=False)
    return answer.stdout.strip() == "RUNNING"
