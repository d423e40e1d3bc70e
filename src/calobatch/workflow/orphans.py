"""Orphans on this machine: processes of jobs whose head process was killed.

The next head process of the scenario ends them before it starts, because they would write the same
files as its own jobs. The jobs that a killed head process left on a cluster are ended by
slurm/orphans.py.
"""

import os
import sys
import time
from contextlib import suppress
from pathlib import Path

import psutil

from calobatch.errors import JobError
from calobatch.stop_signals import SECONDS_TO_LEAVE

# Every process of a job inherits this variable, which names the folder and the scenario.
VARIABLE = "CALOBATCH_HEAD_OF"
# These end by themselves when the command that they belong to has ended. A training that lost the
# reader of its output could not write its checkpoint.
SHELL_PROGRAMS = ("bash", "sh", "tee", "cat")
SECONDS_AFTER_KILL = 10.0


def end_orphans_here(folder: Path, scenario: str) -> None:
    """End the processes here that an earlier head process of ``scenario`` left behind.

    Trainings are given time to write a checkpoint. A head process must call this before it starts
    jobs, and while no other head process of the scenario is alive. Raises a JobError if a process
    does not end.
    """
    # Processes that this one starts from now on can be found in the same way.
    os.environ[VARIABLE] = mark = f"{folder}:{scenario}"
    orphans = find_orphans(mark)
    if not orphans:
        return
    print(
        f"calobatch: ending processes that an earlier head process left behind: {_named(orphans)}",
        file=sys.stderr,
    )
    for process, name in orphans.items():
        if name not in SHELL_PROGRAMS:
            with suppress(psutil.NoSuchProcess):
                process.terminate()
    psutil.wait_procs(orphans, timeout=SECONDS_TO_LEAVE)
    # What is left now, and what it has started since the first search.
    deadline = time.monotonic() + SECONDS_AFTER_KILL
    while left := find_orphans(mark):
        for process in left:
            with suppress(psutil.NoSuchProcess):
                process.kill()
        if time.monotonic() > deadline:
            raise JobError(
                f"processes of an earlier head process do not end: {_named(left)}; they may wait "
                "for a file system that does not answer, so start again when they have ended"
            )
        time.sleep(0.2)


def find_orphans(mark: str) -> dict[psutil.Process, str]:
    """Return the processes that inherited ``mark`` from a different process, and their names.

    Processes of other users are not found.
    """
    own = psutil.Process()
    family = {own, *own.parents(), *own.children(recursive=True)}
    found = {}
    for process in psutil.process_iter():
        try:
            if process not in family and process.environ().get(VARIABLE) == mark:
                found[process] = process.name()
        except (psutil.Error, OSError):
            continue  # it has ended, or belongs to someone else
    return found


def _named(processes: dict[psutil.Process, str]) -> str:
    return ", ".join(f"{process.pid} ({name})" for process, name in processes.items())
