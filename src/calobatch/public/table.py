"""Read and check the dataset table, which lists every public file with all its addresses."""

import csv
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from calobatch.errors import UserError
from calobatch.public.address import fault_of
from calobatch.public.content import MAGIC, kind_of

COLUMNS = ("dataset", "file", "url", "mirror", "bytes", "sha256", "label")

Value = TypeVar("Value")


@dataclass(frozen=True)
class RemoteFile:
    """A file of a dataset: its addresses, the primary one first, and what is known about it.

    ``bytes`` and ``sha256`` are None if unknown. ``label`` is the class of all events of the file,
    or None if the file has a label for each event.
    """

    dataset: str
    file: str
    urls: tuple[str, ...]
    bytes: int | None
    sha256: str | None
    label: int | None


def read_table(path: Path) -> list[RemoteFile]:
    """Read the table, a CSV file with the columns ``COLUMNS``.

    A cell of ``mirror`` holds addresses separated by spaces; ``mirror``, ``bytes``, ``sha256`` and
    ``label`` may be empty. Raises a UserError that names the line and the column of the fault.
    """
    try:
        # Spreadsheet programs write a byte order mark, which utf-8-sig leaves out.
        lines = path.read_text(encoding="utf-8-sig").splitlines()
        reader = csv.DictReader(lines, strict=True)
        _check_header(reader.fieldnames or (), path)
        return _read_rows(reader, path)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise UserError(f"cannot read the dataset table {path}: {error}") from None


def _read_rows(reader: "csv.DictReader[str]", path: Path) -> list[RemoteFile]:
    remotes: dict[tuple[str, str], RemoteFile] = {}
    for cells in reader:
        where = f"{path}, line {reader.line_num}"
        remote = _read_row(cells, where)
        key = remote.dataset, remote.file
        if key in remotes:
            raise UserError(
                f"{where}, column file: {remote.file} is listed twice for the dataset "
                f"{remote.dataset}; put its other addresses into the column mirror"
            )
        remotes[key] = remote
    return list(remotes.values())


def _check_header(found: Sequence[str], path: Path) -> None:
    for column in COLUMNS:
        if found.count(column) != 1:
            problem = "is missing" if column not in found else "appears twice"
            raise UserError(
                f"{path}, line 1: column {column} {problem}; the header is {','.join(COLUMNS)}"
            )
    if unknown := [column for column in found if column not in COLUMNS]:
        raise UserError(
            f"{path}, line 1: unknown column {unknown[0]!r}; the header is {','.join(COLUMNS)}"
        )


def _read_row(cells: dict[str, str], where: str) -> RemoteFile:
    # csv puts surplus cells under the key None, and fills missing cells with None.
    if None in cells or None in cells.values():
        raise UserError(f"{where}: expected {len(COLUMNS)} cells, one per column")

    def read(column: str, parse: Callable[[str], Value]) -> Value:
        try:
            return parse(cells[column].strip())
        except ValueError as error:
            raise UserError(f"{where}, column {column}: {error}") from None

    return RemoteFile(
        dataset=read("dataset", _name),
        file=read("file", _file),
        urls=(read("url", _address), *read("mirror", _addresses)),
        bytes=read("bytes", _size),
        sha256=read("sha256", _sha256),
        label=read("label", _label),
    )


def _name(cell: str) -> str:
    # Datasets and files become folders and file names, so a slash must not get through.
    if not re.fullmatch(r"\w[\w.+-]*", cell):
        raise ValueError(f"{cell!r} is not a name; use only letters, digits and . _ + -")
    return cell


def _file(cell: str) -> str:
    if kind_of(cell) not in MAGIC:
        raise ValueError(f"{cell!r} does not end in {', '.join(MAGIC)}")
    return _name(cell)


def _address(cell: str) -> str:
    if not cell or " " in cell:
        raise ValueError(f"expected one address, found {cell!r}")
    if fault := fault_of(cell):
        raise ValueError(fault)
    return cell


def _addresses(cell: str) -> tuple[str, ...]:
    return tuple(_address(address) for address in cell.split())


def _size(cell: str) -> int | None:
    if not cell:
        return None
    if not re.fullmatch(r"[1-9][0-9]*", cell):
        raise ValueError(f"{cell!r} is not a number of bytes; leave it empty if it is unknown")
    return int(cell)


def _sha256(cell: str) -> str | None:
    if not cell:
        return None
    if not re.fullmatch(r"[0-9a-fA-F]{64}", cell):
        raise ValueError(f"{cell!r} is not 64 hexadecimal digits; leave it empty if it is unknown")
    return cell.lower()


def _label(cell: str) -> int | None:
    if cell not in ("", "0", "1"):
        raise ValueError(f"{cell!r} is not 0 or 1; leave it empty if the file itself has labels")
    return int(cell) if cell else None
