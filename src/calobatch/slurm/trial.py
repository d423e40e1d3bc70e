"""A trial: a short SLURM job to try something on compute nodes. It never outlives the call."""

import getpass
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from calobatch.errors import JobError
from calobatch.slurm.ask import Answer, ask
from calobatch.slurm.modules import NO_MODULE_COMMAND, NOT_LOADED, loading
from calobatch.slurm.site import SITE_FILE, Site

# The walltime that the doctor's trials request.
TRIAL_MINUTES = 5
# Seconds between two checks of the queue: short at first, then longer, to spare SLURM's controller.
FIRST_WAIT_SECONDS, LAST_WAIT_SECONDS = 1.0, 10.0
SECONDS_TO_END = 10.0
# Exit codes of START that no program uses, from which `explained` knows what is missing.
NO_FOLDER, NO_PYTHON = 97, 98
# The node may lack the project folder or its Python, so a shell, which every node has, checks.
START = (
    f'cd "$1" 2>/dev/null || exit {NO_FOLDER}; shift; [ -x "$1" ] || exit {NO_PYTHON}; exec "$@"'
)
# What users may choose for their jobs with variables SBATCH_*, unless the site file chooses it.
# Snakemake's SLURM plugin always names a partition, so SBATCH_PARTITION has no effect on jobs.
NOT_A_WISH = "SBATCH_PARTITION"
WISHES = ("ACCOUNT", "QOS", "CONSTRAINT", "RESERVATION", "EXCLUSIVE", "GRES", "WCKEY")


class NotStartedError(Exception):
    """The job did not start within the patience; the message is SLURM's reason."""


class JobState(NamedTuple):
    """The state of a job and the reason for it, as squeue prints them; empty if not listed."""

    state: str = ""
    reason: str = ""

    @property
    def queued(self) -> bool:
        """Whether the job has not started yet."""
        return self.state in ("", "PENDING", "CONFIGURING")


def run_trial(
    options: Sequence[str], python: Sequence[str], site: Site, patience: float, limit: float
) -> Answer:
    """Run `python ...` in every task of a new job, and return what the tasks printed.

    Raises a NotStartedError if the job does not start within ``patience`` seconds, and a JobError
    if it is still running ``limit`` seconds after its start. In both cases the job is cancelled.
    """
    # The name must be unique: the job is looked up and cancelled by it, as srun reports no job id
    # before the job starts.
    name = f"calobatch-doctor-{os.uname().nodename}-{os.getpid()}-{time.monotonic_ns()}"
    command = [
        # --quiet keeps lines such as "job is queued" out of the errors of the trial. Without
        # --kill-on-bad-exit, other tasks would wait for a failed one until the walltime.
        *("srun", "--quiet", "--kill-on-bad-exit=1", f"--job-name={name}", *options),
        *("bash", "-c", loading(site.modules) + START, "bash", str(Path.cwd())),
        *(sys.executable, *python),
    ]
    with signals_held() as release:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            errors="replace",
            env=environment_of_trial(os.environ),
            # Ctrl-C then reaches only this process, which ends srun and its job in an orderly way.
            start_new_session=True,
        )
        try:
            release()
            return _result(process, name, patience, limit)
        finally:
            _end(process, name)


@contextmanager
def signals_held() -> Iterator[Callable[[], None]]:
    """Hold back signals that end this process until the function that is yielded is called.

    Otherwise one could come when srun has started and this process does not yet know it.
    """
    held: list[int] = []
    handlers = {}
    # Only the main thread gets signals.
    if threading.current_thread() is threading.main_thread():
        numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
        found = {number: signal.getsignal(number) for number in numbers}
        handlers = {n: handler for n, handler in found.items() if handler is not signal.SIG_IGN}
    for number in handlers:
        signal.signal(number, lambda received, frame: held.append(received))

    def release() -> None:
        while handlers:
            number, handler = handlers.popitem()
            signal.signal(number, handler)
        while held:
            signal.raise_signal(held.pop())

    try:
        yield release
    finally:
        release()


def environment_of_trial(environment: Mapping[str, str]) -> dict[str, str]:
    """Return the environment in which `srun` and `sbatch` request the same as Snakemake's jobs.

    Without the variables of the SLURM job that this process may run in: with them, `srun` would
    start a step of that job instead of a new job. The user's SBATCH_ACCOUNT, SBATCH_QOS and others
    become SLURM_ACCOUNT, SLURM_QOS and others, which are their names for srun.
    """
    kept = ("SLURM_CONF", "SLURM_CLUSTERS")  # which cluster to ask, not a job's variables
    own = {
        name: value
        for name, value in environment.items()
        if name in kept or not name.startswith(("SLURM_", "SRUN_", NOT_A_WISH))
    }
    return own | {
        f"SLURM_{name}": own[f"SBATCH_{name}"] for name in WISHES if f"SBATCH_{name}" in own
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
            raise NotStartedError(job.reason or "squeue does not list the job")
        if not job.queued:
            started = started or time.monotonic()
            if time.monotonic() - started > limit:
                raise JobError(f"the test job was still running {limit:.0f} s after its start")


def job_state(name: str) -> JobState:
    """Return the state of the user's job called ``name``, as squeue lists it."""
    answer = ask(
        [
            *("squeue", "--noheader", f"--user={getpass.getuser()}", f"--name={name}"),
            "--format=%T|%r",
        ]
    )
    lines = answer.output.split("\n")[0].strip().split("|")
    return JobState(*lines) if answer.code == 0 and len(lines) == 2 else JobState()


def _end(process: subprocess.Popen[str], name: str) -> None:
    """End srun and its job, unless they have ended by themselves."""
    if process.poll() is not None:
        return
    # srun passes SIGTERM on to a job that runs. scancel also ends a job that still waits.
    process.send_signal(signal.SIGTERM)
    ask(["scancel", f"--user={getpass.getuser()}", f"--name={name}"])
    try:
        process.communicate(timeout=SECONDS_TO_END)
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()


def explained(
    answer: Answer, fix: str = "fix the cause, or ask the cluster's support"
) -> tuple[str, str]:
    """Return what went wrong in a trial that failed, and how to fix it.

    ``fix`` is the advice for causes that are not among the known ones.
    """
    here, python = Path.cwd(), sys.executable
    known = {
        NO_FOLDER: (
            f"the folder {here} does not exist on the node",
            "move the project to a file system that all nodes mount at the same path",
        ),
        NO_PYTHON: (
            f"the program {python} does not exist on the node",
            "delete .venv and make it again with a Python that the nodes have too: "
            "make head PYTHON=...",
        ),
        NO_MODULE_COMMAND: (
            "jobs have no command `module`",
            "set BASH_ENV to the file that defines it, for example "
            "`export BASH_ENV=/etc/profile.d/modules.sh` in ~/.bashrc, or ask the cluster's "
            "support how batch jobs load modules",
        ),
        NOT_LOADED: (
            f"module load fails on the node: {_cause(answer)}",
            f"correct modules in {SITE_FILE}",
        ),
    }
    return known.get(answer.code, (f"the test job failed: {_cause(answer)}", fix))


def _cause(answer: Answer) -> str:
    """Return the program's last message, not what srun and calobatch say about it."""
    own = ("srun: ", "calobatch: ")
    said = [line for line in answer.errors.splitlines() if line and not line.startswith(own)]
    return said[-1].strip() if said else answer.complaint
