"""Checksums that the first fetch of a file records, because none were ever published."""

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from calobatch.atomic import write_text
from calobatch.errors import UserError
from calobatch.public.table import RemoteFile


class WrongFileError(UserError):
    """A file does not have the size or checksum that it must have."""


class Pin(NamedTuple):
    """A file when it was first fetched: size, checksum, address, time (UTC)."""

    bytes: int
    sha256: str
    url: str
    fetched: str


@dataclass(frozen=True)
class Expected:
    """The size and sha256 that a file must have, each None if unknown.

    ``kept_in`` says where they are recorded, ``to_accept`` how to accept a different file.
    """

    file: str
    bytes: int | None
    sha256: str | None
    kept_in: str
    to_accept: str

    def check(self, found: Pin, otherwise: str) -> None:
        """Raise a WrongFileError if ``found`` differs.

        ``otherwise`` completes "if not, ...": what to do if ``found`` is not the right file.
        """
        if self.bytes in (None, found.bytes) and self.sha256 in (None, found.sha256):
            return
        self._refuse(f"{found.bytes} bytes, sha256 {found.sha256}", found.url, otherwise)

    def check_size(self, size: int, url: str, otherwise: str) -> None:
        """Raise a WrongFileError if an address announces a different ``size``.

        This finds a wrong file before the transfer, which may take an hour.
        """
        if self.bytes not in (None, size):
            self._refuse(f"{size} bytes", url, otherwise)

    def _refuse(self, found: str, url: str, otherwise: str) -> None:
        size = f"{self.bytes} bytes" if self.bytes else "any size"
        raise WrongFileError(
            f"{self.file} from {url} is not the expected file\n"
            f"  expected {size}, sha256 {self.sha256 or 'unknown'} (recorded in {self.kept_in})\n"
            f"  found    {found}\n"
            f"If the new file is the right one, {self.to_accept}; if not, {otherwise}."
        )


def expected_of(remote: RemoteFile, pin: Pin | None, path: Path) -> Expected:
    """Return what the table states about ``remote``, completed by what ``pin`` states.

    A checksum in the table replaces the whole pin, because the table may list a newer version of
    the file. ``path`` is the file of the pin.
    """
    sources = []
    if remote.bytes or remote.sha256:
        sources.append(("the dataset table", "correct its line in the dataset table"))
    if pin and not remote.sha256:
        sources.append((str(path), f"delete {path}"))
    return Expected(
        file=remote.file,
        bytes=remote.bytes or (pin.bytes if pin and not remote.sha256 else None),
        sha256=remote.sha256 or (pin.sha256 if pin else None),
        kept_in=" and ".join(place for place, _ in sources),
        to_accept=" and ".join(fix for _, fix in sources),
    )


def read_pin(path: Path) -> Pin | None:
    """Return the pin at ``path``, or None if there is none. Raises a UserError if it is damaged."""
    if not path.exists():
        return None
    try:
        pin = Pin(**json.loads(path.read_text(encoding="utf-8")))
        if not isinstance(pin.bytes, int) or not re.fullmatch("[0-9a-f]{64}", pin.sha256):
            raise ValueError("bytes or sha256 is not well formed")
    except (OSError, ValueError, TypeError) as error:
        raise UserError(
            f"cannot read the pinned checksum {path} ({error}); restore it, or delete it so that "
            "the next fetch pins the file again"
        ) from None
    return pin


def write_pin(path: Path, pin: Pin) -> None:
    """Write ``pin`` to ``path``, completely or not at all."""
    write_text(path, json.dumps(pin._asdict(), indent=2) + "\n")
