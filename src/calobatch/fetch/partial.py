"""A file that is being fetched, ``.<name>.partial``, and a record of where its bytes come from."""

import contextlib
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, NamedTuple

from calobatch.atomic import write_text
from calobatch.credentials import without_credentials
from calobatch.errors import UserError
from calobatch.file_lock import wait_for_lock

# How much is taken from a source before it is written.
PIECE_BYTES = 1 << 20


class Origin(NamedTuple):
    """The server's answer that a partial file began with.

    ``validator`` (the strong ETag, or else the date of the file) tells whether the file on the
    server is still the same; ``total`` is the file's size in bytes. Both are None if the server did
    not state them.
    """

    url: str
    validator: str | None
    total: int | None


class Partial:
    """The partial file of ``destination``. It stays when the process ends, to be resumed later."""

    def __init__(self, destination: Path) -> None:
        self.destination = destination
        self.path = destination.with_name(f".{destination.name}.partial")
        self._origin_path = destination.with_name(f".{destination.name}.partial.json")

    @property
    def size(self) -> int:
        """Number of bytes that have arrived."""
        return self.path.stat().st_size if self.path.exists() else 0

    @property
    def origin(self) -> Origin | None:
        """Where the bytes come from, or None if that was not recorded."""
        try:
            return Origin(**json.loads(self._origin_path.read_text(encoding="utf-8")))
        except (FileNotFoundError, ValueError, TypeError):
            return None

    def came_from(self, url: str) -> Origin | None:
        """Return the origin of the bytes that have arrived, if they came from ``url``."""
        origin = self.origin
        if self.size == 0 or origin is None or origin.url != without_credentials(url):
            return None
        return origin

    def is_whole(self, url: str) -> bool:
        """Return whether all bytes from ``url`` are here.

        That is so if an earlier process stopped between the last byte and the final name.
        """
        origin = self.came_from(url)
        return origin is not None and origin.total == self.size

    def begin(self, total: int | None, origin: Origin | None = None) -> None:
        """Drop the bytes that have arrived, and begin a file of ``total`` bytes from ``origin``.

        Raises a UserError if it does not fit on the disk; the bytes are then not dropped.
        """
        self.check_room(total)
        self.empty()
        if origin:
            write_text(self._origin_path, json.dumps(origin._asdict()))

    def check_room(self, total: int | None) -> None:
        """Raise a UserError if a file of ``total`` bytes does not fit on the disk."""
        # The bytes that have arrived are counted as free: they are part of the file, or dropped.
        free = shutil.disk_usage(self.path.parent).free + self.size
        if total is not None and total > free:
            raise UserError(
                f"{self.destination} needs {total:,} bytes, but {self.path.parent} has room for "
                f"only {free:,}; make room there, or choose another folder"
            )

    def empty(self) -> None:
        """Drop the bytes that have arrived."""
        self._origin_path.unlink(missing_ok=True)
        self.path.write_bytes(b"")

    def discard(self) -> None:
        """Remove the partial file and its record."""
        self._origin_path.unlink(missing_ok=True)
        self.path.unlink(missing_ok=True)

    def publish(self) -> None:
        """Give the complete file its final name."""
        self.path.replace(self.destination)
        self._origin_path.unlink(missing_ok=True)

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Keep other processes from writing to this partial file during the ``with`` block.

        Waits while another process, perhaps of another scenario, fetches the same file.
        """
        with self._open_locked():
            try:
                yield
            finally:
                # Locking created the file. If it has no bytes, there is nothing to resume.
                if self.size == 0:
                    self.discard()

    def _open_locked(self) -> IO[bytes]:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        while True:
            file = self.path.open("ab")
            # Some network file systems have no locks. There, it is up to the users not to fetch
            # the same file twice at the same time.
            with contextlib.suppress(OSError):
                wait_for_lock(file, f"another process that is fetching {self.destination}")
            # The process that had the lock before may have published or discarded the file.
            with contextlib.suppress(FileNotFoundError):
                if os.path.samestat(os.fstat(file.fileno()), self.path.stat()):
                    return file
            file.close()
