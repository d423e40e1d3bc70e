"""One writer at a time to an MLflow store that is a file.

Two scenarios may be collected at the same time. Each would create the tables of a new store, and
SQLite gives up after some seconds if another process writes.
"""

import contextlib
import fcntl
import sys
from collections.abc import Iterator
from pathlib import Path


@contextlib.contextmanager
def only_writer(tracking_uri: str) -> Iterator[None]:
    """Wait until no other process collects into the same SQLite file, and keep others waiting.

    Servers and other stores take several writers, so nothing is locked for them.
    """
    kind, _, path = tracking_uri.partition("?")[0].partition(":///")
    if kind != "sqlite" or not path:
        yield
        return
    with contextlib.ExitStack() as stack:
        # A file system that cannot be written to or has no locks is reported by MLflow, if at all.
        with contextlib.suppress(OSError):
            file = stack.enter_context(Path(f"{path}.lock").open("ab"))
            _lock(file.fileno(), path)
        yield


def _lock(descriptor: int, path: str) -> None:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        print(f"waiting for another process that writes to {path}", file=sys.stderr)
        fcntl.flock(descriptor, fcntl.LOCK_EX)
