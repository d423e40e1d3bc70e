"""Locks of files that a process waits for, with a line that says what it waits for."""

import fcntl
import sys
from typing import IO


def wait_for_lock(file: IO[bytes], holder: str) -> None:
    """Lock an open file until it is closed. ``holder`` names who may have the lock until then.

    Raises an OSError if the file system has no locks.
    """
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        print(f"waiting for {holder}", file=sys.stderr)
        fcntl.flock(file, fcntl.LOCK_EX)
