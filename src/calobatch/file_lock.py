"""Locks of files: to try one, to wait for one and say so, and where those of this machine are."""

import fcntl
import os
import sys
import tempfile
import time
from pathlib import Path
from typing import IO

# A shorter wait is not worth a line.
SECONDS_WITHOUT_A_LINE = 2.0
SECONDS_BETWEEN_TRIES = 0.05


def wait_for_lock(file: IO[bytes], holder: str) -> None:
    """Lock an open file until it is closed. ``holder`` names who may have the lock until then.

    Raises an OSError if the file system has no locks.
    """
    deadline = time.monotonic() + SECONDS_WITHOUT_A_LINE
    while time.monotonic() < deadline:
        if locked(file.fileno()):
            return
        time.sleep(SECONDS_BETWEEN_TRIES)
    print(f"waiting for {holder}", file=sys.stderr, flush=True)
    fcntl.flock(file, fcntl.LOCK_EX)


def locked(file: int) -> bool:
    """Lock a file, and return whether that was possible."""
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def lock_folder() -> Path:
    """Return a folder for locks of this user and machine, in the place for temporary files.

    Raises an OSError if another user owns it.
    """
    runtime = os.environ.get("XDG_RUNTIME_DIR")
    parent = Path(runtime) if runtime and Path(runtime).is_dir() else Path(tempfile.gettempdir())
    folder = parent / f"calobatch-locks-{os.getuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    state = folder.lstat()
    if state.st_uid != os.getuid() or folder.is_symlink():
        raise PermissionError(f"{folder} belongs to another user")
    return folder
