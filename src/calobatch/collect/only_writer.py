"""One writer at a time to an MLflow store that is a file.

Two scenarios may be collected at the same time. Each would create the tables of a new store, and
SQLite gives up after some seconds if another process writes.
"""

import contextlib
from collections.abc import Iterator
from pathlib import Path

from calobatch.file_lock import wait_for_lock
from calobatch.tracking_uri import sqlite_file


@contextlib.contextmanager
def only_writer(tracking_uri: str) -> Iterator[None]:
    """Wait until no other process collects into the same SQLite file, and keep others waiting.

    Servers and other stores take several writers, so nothing is locked for them.
    """
    path = sqlite_file(tracking_uri)
    if not path:
        yield
        return
    with contextlib.ExitStack() as stack:
        # A file system that cannot be written to or has no locks is reported by MLflow, if at all.
        with contextlib.suppress(OSError):
            file = stack.enter_context(Path(f"{path}.lock").open("ab"))
            wait_for_lock(file, f"another process that writes to {path}")
        yield
