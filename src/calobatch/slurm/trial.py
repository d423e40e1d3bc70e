"""A short job, to see what is so on a compute node. Nothing of it outlives the call."""

import getpass
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from calobatch.errors import JobError
from calobatch.slurm.checks.ask import Answer, ask
from calobatch.slurm.site import SITE_FILE, Site

MINUTES = 5
# The queue is asked for a job's state at first so often, then less and less.
FIRST_WAIT_SECONDS, LAST_WAIT_SECONDS = 1.0, 10.0
SECONDS_TO_END = 10.0
NO_FOLDER, NO_PYTHON, NO_MODULE = 97, 98, 99
# A node may not have the folder, nor the Python, so what tells of it must be a shell.
START = (
    f'cd "$1" 2>/dev/null || exit {NO_FOLDER}; shift; [ -x "$1" ] || exit {NO_PYTHON}; exec "$@"'
)


class NotStartedError(Exception):
    """The job was still in the queue when patience ended; the message is SLURM's reason."""


class JobState(NamedTuple):
    """What squeue says of a job, or nothing."""

    state: str = ""
    reason: str = ""

    @property
    def queued(self) -> bool:
        """Whether the job has yet to start."""
        return self.state in ("", "PENDING", "CONFIGURING")


def run_trial(
    options: Sequence[str], python: Sequence[str], site: Site, patience: float, limit: float
) -> Answer:
    """Run `python ...` in the tasks of a job of its own, and return what they printed.

    Raises a NotStartedError if the job does not start within ``patience`` seconds, and a JobError
    if it has not ended ``limit`` seconds after its start. In both cases the job is cancelled.
    """
    name = f"calobatch-doctor-{os.uname().nodename}-{os.getpid()}-{time.monotonic_ns()}"
    process = subprocess.Popen(
        [
            *("srun", "--quiet", "--kill-on-bad-exit=1", f"--job-name={name}", *options),
            *("bash", "-c", _loading(site.modules) + START, "bash", str(Path.cwd())),
            *(sys.executable, *python),
        ],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        errors="replace",
        env=outside_of_jobs(os.environ),
        start_new_session=True,  # Ctrl-C is for this process, which then ends that one
    )
    try:
        return _result(process, name, patience, limit)
    finally:
        _end(process, name)


def _loading(modules: Sequence[str]) -> str:
    return f"module load {' '.join(modules)} || exit {NO_MODULE}; " if modules else ""


def outside_of_jobs(environment: Mapping[str, str]) -> dict[str, str]:
    """Return the environment without what would make `srun` part of a job that this runs in."""
    kept = ("SLURM_CONF",)
    return {
        name: value
        for name, value in environment.items()
        if not name.startswith("SLURM_") or name in kept
    }


def _result(process: subprocess.Popen[str], name: str, patience: float, limit: float) -> Answer:
    begun, started = time.monotonic(), 0.0
    while True:
        waited = time.monotonic() - begun
        interval = min(max(FIRST_WAIT_SECONDS, waited / 10), LAST_WAIT_SECONDS)
        try:
            output, errors = process.communicate(timeout=interval)
            return Answer(process.returncode, output, errors)
        except subprocess.TimeoutExpired:
            job = job_state(name)
        if job.queued and waited > patience:
            raise NotStartedError(job.reason or "squeue does not show the job")
        if not job.queued:
            started = started or time.monotonic()
            if time.monotonic() - started > limit:
                raise JobError(f"the job had not ended {limit:.0f} s after its start")


def job_state(name: str) -> JobState:
    """Ask the queue for a job of the user."""
    answer = ask(
        [
            *("squeue", "--noheader", f"--user={getpass.getuser()}", f"--name={name}"),
            "--format=%T|%r",
        ]
    )
    lines = answer.output.split("\n")[0].strip().split("|")
    return JobState(*lines) if answer.code == 0 and len(lines) == 2 else JobState()


def _end(process: subprocess.Popen[str], name: str) -> None:
    if process.poll() is not None:
        return
    process.send_signal(signal.SIGTERM)
    ask(["scancel", f"--user={getpass.getuser()}", f"--name={name}"])
    try:
        process.communicate(timeout=SECONDS_TO_END)
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()


def explained(
    answer: Answer, mend: str = "mend what that names, or ask the site"
) -> tuple[str, str]:
    """Return what is wrong where a job failed, and the mend: the one given, unless known better."""
    here, python = Path.cwd(), sys.executable
    known = {
        NO_FOLDER: (
            f"there is no folder {here} on the node",
            "put the project on a file system that all nodes have at the same path",
        ),
        NO_PYTHON: (
            f"there is no {python} on the node",
            "make .venv anew with a Python that nodes have too: make head PYTHON=...",
        ),
        NO_MODULE: (
            f"module load fails on the node: {answer.complaint}",
            f"correct modules in {SITE_FILE}",
        ),
    }
    return known.get(answer.code, (f"the job failed: {_cause(answer)}", mend))


def _cause(answer: Answer) -> str:
    """Return what the program said last, since srun's own words only tell that it ended."""
    said = [line for line in answer.errors.splitlines() if line and not line.startswith("srun: ")]
    return said[-1].strip() if said else answer.complaint
