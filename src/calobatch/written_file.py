"""A new file for libraries that hide why a write failed.

On a full disk, HDF5 reports an internal error, reports it again when it closes the file, and then
crashes at the end of the process because it still has bytes to write. torch reports two internal
errors, and neither names the cause. Both can write to a Python object instead of a path.
"""

import io
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any


class WrittenFile(io.FileIO):
    """A file that keeps its first failure; all later writes do nothing and seem to succeed.

    The library can therefore close the file in order. :meth:`check` then raises the failure, which
    has the system's own words for the cause.
    """

    def __init__(self, path: Path) -> None:
        # A FileIO has no buffer, so each write fails at once and not together with a later one.
        super().__init__(path, "w+")
        self.failure: OSError | None = None

    def check(self) -> None:
        """Raise the OSError of the first write that failed, if there is one."""
        if self.failure:
            raise self.failure

    def write(self, content: Any) -> int:
        """Write all of ``content``, an object with bytes; return their number."""
        rest = memoryview(content).cast("B")
        size = len(rest)
        try:
            # The system may write only a part of the bytes at once.
            while rest and not self.failure:
                rest = rest[super().write(rest) :]
        except OSError as error:
            self.failure = error
        return size

    def truncate(self, size: int | None = None) -> int:
        """Change the size of the file to ``size`` bytes, by default to the current position."""
        size = self.tell() if size is None else size
        try:
            if not self.failure:
                super().truncate(size)
        except OSError as error:
            self.failure = error
        return size

    def close(self) -> None:
        """Close the file. On network file systems a failed write may be reported only now."""
        try:
            super().close()
        except OSError as error:
            self.failure = self.failure or error


@contextmanager
def written_file(path: Path) -> Iterator[WrittenFile]:
    """Yield a new file for a library to write to, and close it when the block ends.

    Raises the OSError of the first write that failed, whatever the library made of it.
    """
    file = WrittenFile(path)
    try:
        yield file
    except Exception:
        file.check()
        raise
    finally:
        file.close()
    file.check()
