"""requeue: run a training in its SLURM job until all ranks end, and after all earlier attempts.

* A training that stopped early and left a checkpoint returns its job to the queue. Reaching the
  walltime or being preempted is not a failure, so it must not use up any of the attempts that
  Snakemake allows a failing job.
* If the command failed, what is left of its ranks is ended. srun may have been killed, for instance
  by a node that ran out of memory, and its ranks live on.
* An earlier attempt of the same training may still be ending. The command waits for it, because
  both would write the same files.
"""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from typing import NamedTuple

from calobatch.errors import JobError, StoppedError
from calobatch.slurm.ask import NO_PROGRAM, ask
from calobatch.stop_signals import SECONDS_TO_LEAVE

# After `scontrol requeue` SLURM kills the job within its KillWait (30 s by default).
SECONDS_UNTIL_SLURM_ENDS_THE_JOB = 120
SECONDS_BETWEEN_LOOKS = 2.0
# SLURM's controller may not answer for a moment.
SECONDS_FOR_AN_ANSWER = 60.0
# The ranks first get SECONDS_TO_LEAVE to write a checkpoint; after that they are killed.
SECONDS_AFTER_KILL = 60.0
# A job ends within a minute, unless its node does not answer.
SECONDS_FOR_EARLIER_JOB = 600.0


class Attempt(NamedTuple):
    """A job in the queue. Attempts of one training by one head process have the same ``task``."""

    job: int
    started: str  # ISO time, so that earlier times sort first
    task: str


def requeue(command: Sequence[str]) -> None:
    """Run ``command`` and exit with its code; requeue the SLURM job if it was stopped on request.

    If SLURM refuses to requeue the job, the exit code of the stopped command makes Snakemake submit
    a new job. Raises a JobError if an earlier attempt of the same training does not end.
    """
    job = os.environ.get("SLURM_JOB_ID")
    if job:
        _wait_for_earlier_attempt(int(job))
    code = subprocess.run(command, check=False).returncode
    if code == StoppedError.exit_code and job and _still_wanted(job):
        _return_to_queue(job)
    # Inside of a step, the command is the only rank and has ended. In the batch script, it is an
    # srun, and its step may have outlived it.
    elif code and job and not _inside_of_step():
        _end_steps(job)
    # A negative code is the signal that killed the command; shells report it as 128 + signal.
    sys.exit(code if code >= 0 else 128 - code)


def _inside_of_step() -> bool:
    """Return whether srun started this process. SLURM gives batch scripts a negative number."""
    return int(os.environ.get("SLURM_STEP_ID", "-1")) >= 0


def _return_to_queue(job: str) -> None:
    answer = ask(["scontrol", "requeue", job])
    if answer.code:
        _say(f"job {job} cannot be returned to the queue ({answer.complaint}), so it ends")
        return
    _say(f"job {job} was returned to the queue; its training will continue from the checkpoint")
    # Wait for SLURM to end this process: an exit now would report a failed job to Snakemake, which
    # would submit it a second time.
    time.sleep(SECONDS_UNTIL_SLURM_ENDS_THE_JOB)


def _still_wanted(job: str) -> bool:
    """Return whether SLURM still lists the job as running.

    A job that its user cancelled is listed as COMPLETING, and must not come back.
    """
    listed = _squeue("--format=%T", f"--jobs={job}")
    return listed is not None and listed.strip() == "RUNNING"


def _end_steps(job: str) -> None:
    """End the steps that this job still has: ask them for a checkpoint, and then kill them."""
    if not (left := _steps(job)):
        return
    _say(
        f"ranks of job {job} are still running after their srun; ending them "
        f"(step {', '.join(left)})"
    )
    for cancel, seconds in (
        (["scancel", "--signal=USR1"], SECONDS_TO_LEAVE),
        (["scancel"], SECONDS_AFTER_KILL),
    ):
        ask([*cancel, *left])
        if _comes_true(lambda: not _steps(job), seconds):
            return
    _say(f"the ranks of job {job} did not end; the next attempt waits for the end of this job")


def _steps(job: str) -> list[str]:
    """Return the steps of a job that srun started, for example "12.0"; not those of SLURM itself.

    None are returned if SLURM does not answer.
    """
    listed = _squeue("--steps", "--format=%i", f"--jobs={job}") or ""
    return [step for step in listed.split() if step.partition(".")[2].isdigit()]


def _wait_for_earlier_attempt(job: int) -> None:
    """Wait until no attempt of this training is left that started before this job.

    If SLURM does not answer, the training starts: its job could not be requeued either.
    """
    said = False

    def alone() -> bool:
        nonlocal said
        earlier = _earlier_attempts(job)
        if earlier and not said:
            said = True
            _say(
                f"job {job} waits until an earlier attempt of this training has ended: "
                f"{_named(earlier)}"
            )
        return not earlier

    if not _comes_true(alone, SECONDS_FOR_EARLIER_JOB):
        raise JobError(
            f"an earlier attempt of this training has not ended within "
            f"{SECONDS_FOR_EARLIER_JOB / 60:.0f} minutes: {_named(_earlier_attempts(job))}; its "
            "node may not answer, so see `squeue --me`, and run the same command again when the "
            "job has left the queue"
        )


def _earlier_attempts(job: int) -> list[Attempt]:
    """Return the attempts of the training of ``job`` that started before it and have not ended.

    A job that waits in the queue is not among them: when it starts, it waits for this one.
    """
    # Snakemake's SLURM plugin gives all jobs of one head process the same name, and writes the rule
    # and its wildcards into the comment. Jobs of an earlier head process were ended by the next.
    listed = _squeue("--me", "--format=%A|%T|%S|%j|%k") or ""
    attempts = []
    for line in listed.splitlines():
        number, state, started, task = [*line.split("|", maxsplit=3), "", "", ""][:4]
        # Comments of the user's other jobs may contain line breaks, and what follows one is no job.
        if number.isdigit() and task and state != "PENDING":
            attempts.append(Attempt(int(number), started, task))
    own = next((attempt for attempt in attempts if attempt.job == job), None)
    if own is None:
        return []
    return [
        attempt
        for attempt in attempts
        if attempt.task == own.task and (attempt.started, attempt.job) < (own.started, own.job)
    ]


def _squeue(*options: str) -> str | None:
    """Return what squeue prints, or None if it has not answered within SECONDS_FOR_AN_ANSWER."""
    deadline = time.monotonic() + SECONDS_FOR_AN_ANSWER
    while (answer := ask(["squeue", "--noheader", *options])).code:
        if answer.code == NO_PROGRAM or time.monotonic() > deadline:
            _say(f"squeue does not answer: {answer.complaint}")
            return None
        time.sleep(SECONDS_BETWEEN_LOOKS)
    return answer.output


def _comes_true(condition: Callable[[], bool], seconds: float) -> bool:
    """Return whether ``condition`` becomes true within ``seconds``."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(SECONDS_BETWEEN_LOOKS)
    return True


def _named(attempts: Sequence[Attempt]) -> str:
    return ", ".join(f"job {attempt.job}" for attempt in attempts)


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)
