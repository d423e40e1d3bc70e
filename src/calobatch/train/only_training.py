"""One training at a time in one folder.

A head process that was killed may have left a training at work, and the next head process starts
the same training in the same folder. The second waits until the first has ended, and continues
from its checkpoint or takes over its finished run.

Rank 0 holds the lock of a file until its process ends, however it ends. File systems on a network
(NFS, GPFS, BeeGFS, and Lustre mounted with flock) pass such locks on to all nodes; `calobatch
doctor` tries it. Where there are no locks, a line in the log says so, and the training goes on.
"""

import fcntl
import os
import socket
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from calobatch.communicator.meeting import limit_seconds
from calobatch.errors import JobError
from calobatch.run.files import LOCK_FILE

SECONDS_BETWEEN_TRIES = 1.0
# The other ranks give up a rank 0 that has not come after the limit of their meeting.
SHARE_OF_THE_LIMIT = 0.8


@contextmanager
def only_training(folder: Path) -> Iterator[None]:
    """Wait until no other training is at work in ``folder``, and keep others out.

    Only rank 0 calls this, before it connects to the other ranks. Raises a JobError that names the
    other training if that does not end in time.
    """
    folder.mkdir(parents=True, exist_ok=True)
    # Opened for appending, because the file names the process that has the lock.
    with (folder / LOCK_FILE).open("a+", encoding="utf-8") as file:
        _wait(file, folder, SHARE_OF_THE_LIMIT * limit_seconds())
        file.truncate(0)
        file.write(_this_process())
        file.flush()
        yield
    # The file stays: another training may be waiting for its lock.


def _wait(file: IO[str], folder: Path, seconds: float) -> None:
    deadline, said = time.monotonic() + seconds, False
    while not _locked(file, folder):
        file.seek(0)
        holder = file.read().strip() or "an unknown process"
        if time.monotonic() > deadline:
            raise JobError(
                f"another training is still at work in {folder} after {seconds / 60:.0f} minutes: "
                f"{holder}; run the same command again when it has ended, or end it first"
            )
        if not said:
            said = True
            _say(
                f"another training is at work in {folder}: {holder}; waiting until it ends, to "
                "continue from what it leaves"
            )
        time.sleep(SECONDS_BETWEEN_TRIES)


def _locked(file: IO[str], folder: Path) -> bool:
    """Return whether this process has the lock, or the file system has none."""
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError as error:
        _say(
            f"{folder} is on a file system without locks ({error.strerror}), so a second training "
            "in this folder would not be noticed"
        )
    return True


def _this_process() -> str:
    job = os.environ.get("SLURM_JOB_ID")
    of_job = f", SLURM job {job}" if job else ""
    return f"process {os.getpid()} on {socket.gethostname()}{of_job}"


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)
