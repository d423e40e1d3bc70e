"""requeue: return a job to the queue if its training stopped early and left a checkpoint.

Reaching the walltime or being preempted is not a failure, so it must not use up any of the attempts
that Snakemake allows a failing job.
"""

import os
import subprocess
import sys
import time
from collections.abc import Sequence

from calobatch.errors import StoppedError

# After `scontrol requeue` SLURM kills the job within its KillWait (30 s by default).
SECONDS_UNTIL_SLURM_ENDS_THE_JOB = 120


def requeue(command: Sequence[str]) -> None:
    """Run ``command`` and exit with its code; requeue the SLURM job if it was stopped on request.

    If SLURM refuses to requeue the job, the exit code of the stopped command makes Snakemake submit
    a new job.
    """
    code = subprocess.run(command, check=False).returncode
    job = os.environ.get("SLURM_JOB_ID")
    if code == StoppedError.exit_code and job and _still_wanted(job):
        answer = subprocess.run(["scontrol", "requeue", job], check=False)
        if answer.returncode == 0:
            print(
                f"job {job} was returned to the queue; its training will continue from the "
                "checkpoint",
                file=sys.stderr,
                flush=True,
            )
            # Wait for SLURM to end this process: an exit now would report a failed job to
            # Snakemake, which would submit it a second time.
            time.sleep(SECONDS_UNTIL_SLURM_ENDS_THE_JOB)
    # A negative code is the signal that killed the command; shells report it as 128 + signal.
    sys.exit(code if code >= 0 else 128 - code)


def _still_wanted(job: str) -> bool:
    """Return whether SLURM still lists the job as running.

    A job that its user cancelled is listed as COMPLETING, and must not come back.
    """
    command = ["squeue", "--noheader", "--format=%T", f"--jobs={job}"]
    answer = subprocess.run(command, capture_output=True, text=True, check=False)
    return answer.stdout.strip() == "RUNNING"
