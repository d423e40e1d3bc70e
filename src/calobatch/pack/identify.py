"""Size and sha256 of a raw file, held to those it was pinned with when it was fetched."""

from collections.abc import Iterable
from pathlib import Path

from calobatch.checksum import sha256_of
from calobatch.fetch.pins import Expected, Pin, expected_of, read_pin
from calobatch.fetch.table import RemoteFile


def expected_files(dataset: str, table: Iterable[RemoteFile], pins: Path) -> dict[str, Expected]:
    """Return what each file of a dataset must be, by name; ``pins``: the folder of all pins."""
    found = {}
    for remote in table:
        if remote.dataset == dataset:
            path = pins / dataset / f"{remote.file}.json"
            found[remote.file] = expected_of(remote, read_pin(path), path)
    return found


def identify(file: Path, expected: Expected | None) -> Pin:
    """Return what ``file`` is; raise a UserError if it is not what is ``expected``."""
    found = Pin(bytes=file.stat().st_size, sha256=sha256_of(file), url=str(file), fetched="")
    if expected:
        expected.check(found, f"delete {file} to fetch it again")
    return found
