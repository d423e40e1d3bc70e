"""Checksums pinned at the first fetch: no checksum of these files was ever published."""

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from calobatch.atomic import write_text
from calobatch.errors import UserError
from calobatch.fetch.table import RemoteFile


class WrongFileError(UserError):
    """A file has not the size or checksum it must have."""


class Pin(NamedTuple):
    """What a file was when it was first fetched: size, checksum, address, time (UTC)."""

    bytes: int
    sha256: str
    url: str
    fetched: str


@dataclass(frozen=True)
class Expected:
    """What a file must be: size and sha256, each None when not known, and where that is kept."""

    file: str
    bytes: int | None
    sha256: str | None
    kept_in: str
    to_accept: str

    def check(self, found: Pin, otherwise: str) -> None:
        """Raise a WrongFileError when ``found`` is not this; ``otherwise``: how to get it back."""
        if self.bytes in (None, found.bytes) and self.sha256 in (None, found.sha256):
            return
        self._refuse(f"{found.bytes} bytes, sha256 {found.sha256}", found.url, otherwise)

    def check_size(self, size: int, url: str, otherwise: str) -> None:
        """Raise a WrongFileError when the ``size`` that an address announces is not this."""
        if self.bytes not in (None, size):
            self._refuse(f"{size} bytes", url, otherwise)

    def _refuse(self, found: str, url: str, otherwise: str) -> None:
        size = f"{self.bytes or 'any number of'} bytes"
        raise WrongFileError(
            f"{self.file} from {url} is not the file expected\n"
            f"  expected {size}, sha256 {self.sha256 or 'not known'} ({self.kept_in})\n"
            f"  found    {found}\n"
            f"If the change is wanted, {self.to_accept}; if not, {otherwise}."
        )


def expected_of(remote: RemoteFile, pin: Pin | None, path: Path) -> Expected:
    """Return what ``remote`` must be: as the table has it, and for the rest as pinned."""
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
        to_accept=" and ".join(mend for _, mend in sources),
    )


def read_pin(path: Path) -> Pin | None:
    """Return the pin at ``path``; None when there is none. A damaged one is a UserError."""
    if not path.exists():
        return None
    try:
        pin = Pin(**json.loads(path.read_text(encoding="utf-8")))
        if not isinstance(pin.bytes, int) or not re.fullmatch("[0-9a-f]{64}", pin.sha256):
            raise ValueError("bytes or sha256 is not well formed")
    except (OSError, ValueError, TypeError) as error:
        raise UserError(
            f"cannot read the pinned checksum {path} ({error}); restore it, or delete it to pin "
            "the file anew at the next fetch"
        ) from None
    return pin


def write_pin(path: Path, pin: Pin) -> None:
    """Write ``pin`` to ``path``, whole or not at all."""
    write_text(path, json.dumps(pin._asdict(), indent=2) + "\n")
