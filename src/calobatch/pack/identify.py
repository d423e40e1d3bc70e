"""Compare size and SHA-256 of a raw file with those recorded when it was fetched."""

from collections.abc import Iterable
from pathlib import Path

from calobatch.checksum import sha256_of
from calobatch.public.pins import Expected, Pin, expected_of, read_pin
from calobatch.public.table import RemoteFile


def expected_files(dataset: str, table: Iterable[RemoteFile], pins: Path) -> dict[str, Expected]:
    """Return the expected size and SHA-256 of each file of a dataset, by file name.

    They come from the dataset table and from the folder ``pins``, where fetch records them.
    """
    found = {}
    for remote in table:
        if remote.dataset == dataset:
            path = pins / dataset / f"{remote.file}.json"
            found[remote.file] = expected_of(remote, read_pin(path), path)
    return found


def identify(file: Path, expected: Expected | None) -> Pin:
    """Return size and SHA-256 of ``file``; raise a UserError if they are not as ``expected``."""
    found = Pin(bytes=file.stat().st_size, sha256=sha256_of(file), url=str(file), fetched="")
    if expected:
        expected.check(found, f"delete {file} to fetch it again")
    return found
