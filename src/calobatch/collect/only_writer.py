"""One writer at a time to an MLflow store that is a file, and to the runs of a scenario.

Two scenarios may be collected into a file at the same time. Each would create the tables of a new
store, and SQLite gives up after some seconds if another process writes. A server takes several
writers, but two that collect the same scenario would each create its runs.
"""

import contextlib
from collections.abc import Iterator
from pathlib import Path

from calobatch.file_lock import wait_for_lock
from calobatch.tracking_uri import sqlite_file


@contextlib.contextmanager
def only_writer(tracking_uri: str, results: Path) -> Iterator[None]:
    """Wait until no other process collects into the same SQLite file, and keep others waiting.

    With a server, only processes that collect the same scenario, with this ``results``, wait.
    """
    path = sqlite_file(tracking_uri) or results / ".collect"
    with contextlib.ExitStack() as stack:
        # A file system that cannot be written to or has no locks is reported by MLflow, if at all.
        with contextlib.suppress(OSError):
            file = stack.enter_context(Path(f"{path}.lock").open("ab"))
            wait_for_lock(file, f"another process that writes to {path}")
        yield
