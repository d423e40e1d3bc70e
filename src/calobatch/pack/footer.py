"""The footer of a parquet file, cut into footers of a few row groups each.

pyarrow decodes a footer as a whole into 3.7 kB a row group: 1.1 GB for the 297,980 of a public
file, in every process that opens it. Here the raw footer is walked once, and what is kept is where
each row group lies in it.
"""

import os
import re
import struct
from collections import deque
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from calobatch.pack import thrift

MAGIC = b"PAR1"
# Field numbers of FileMetaData and of RowGroup in parquet.thrift; NUM_ROWS is 3 in both.
NUM_ROWS, ROW_GROUPS = 3, 4
# In one row group; a damaged footer may say anything.
MOST_ROWS = 2**31
# Structures of row groups that are known at a time; those of a file are nearly all alike.
MOST_PATTERNS = 4
# In bytes of a row group; one of a sound file with a few columns has less than a thousand.
LARGEST_PATTERN = 20_000


class Footer:
    """Where the row groups of a file lie: ``start`` is the row each begins at, and their number.

    Raises a ValueError or a LookupError where the file has no sound footer.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        content, self.offset = _read_footer(path)
        self._walk(content)

    def _walk(self, content: bytes) -> None:
        begin, end = {}, {}
        field = thrift.next_field(content, 0, 0)
        while field.kind != thrift.STOP:
            walk = self._walk_groups if field.number == ROW_GROUPS else thrift.end_of
            begin[field.number], end[field.number] = field.start, walk(content, field)
            field = thrift.next_field(content, end[field.number], field.number)
        self.before_rows = content[: begin[NUM_ROWS]]
        self.before_groups = content[end[NUM_ROWS] : begin[ROW_GROUPS]]
        self.after_groups = content[end[ROW_GROUPS] :]

    def _walk_groups(self, content: bytes, field: thrift.Field) -> int:
        count, _, at = thrift.read_list(content, field.start)
        if count > len(content):
            raise ValueError(f"{count} row groups in {len(content)} bytes")
        self.place = np.zeros(count + 1, dtype=np.int64)
        self.start = np.zeros(count + 1, dtype=np.int64)
        self.place[0] = at
        walk = GroupWalk(content)
        for group in range(count):
            rows, at = walk.step(at)
            self.place[group + 1] = at
            self.start[group + 1] = self.start[group] + rows
        return at

    @property
    def groups(self) -> int:
        """The number of row groups."""
        return len(self.place) - 1

    def cut(self, first: int, last: int) -> bytes:
        """Return a footer that has the row groups ``first`` to ``last`` only."""
        with self.path.open("rb") as file:
            file.seek(self.offset + int(self.place[first]))
            groups = file.read(int(self.place[last] - self.place[first]))
        rows = int(self.start[last] - self.start[first])
        begin = self.before_rows + thrift.integer(rows) + self.before_groups
        header = thrift.list_header(last - first, thrift.STRUCT)
        return begin + header + groups + self.after_groups


def decoded(footer: bytes) -> pq.FileMetaData:
    """Return a footer as pyarrow knows it."""
    alone = MAGIC + footer + struct.pack("<I", len(footer)) + MAGIC
    return pq.read_metadata(pa.BufferReader(alone))


def _read_footer(path: Path) -> tuple[bytes, int]:
    """Return the footer, and where it begins in the file."""
    with path.open("rb") as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(max(size - 8, 0))
        length, magic = struct.unpack("<I4s", file.read(8).rjust(8, b"\0"))
        if magic != MAGIC or length + 12 > size:
            raise ValueError("its end is not that of a parquet file")
        offset = file.seek(size - 8 - length)
        return file.read(length), offset


class GroupWalk:
    """Steps from row group to row group, by the structures that were met before."""

    def __init__(self, content: bytes) -> None:
        self.content = content
        self.patterns: deque[re.Pattern[bytes]] = deque(maxlen=MOST_PATTERNS)

    def step(self, at: int) -> tuple[int, int]:
        """Return the rows of the row group at ``at``, and where it ends."""
        for pattern in self.patterns:
            if found := pattern.match(self.content, at):
                return _sound(thrift.read_integer(self.content, found.start(1))[0]), found.end()
        rows, end = _walk_group(self.content, at)
        if rows and end - at < LARGEST_PATTERN:
            text, _ = thrift.pattern_of(self.content, at, thrift.STRUCT, captured=NUM_ROWS)
            self.patterns.appendleft(re.compile(text, re.DOTALL))
        return rows, end


def _walk_group(content: bytes, at: int) -> tuple[int, int]:
    """Return the rows of the row group at ``at``, and where it ends."""
    rows = 0
    field = thrift.next_field(content, at, 0)
    while field.kind != thrift.STOP:
        if field.number == NUM_ROWS:
            rows, end = thrift.read_integer(content, field.start)
        else:
            end = thrift.end_of(content, field)
        field = thrift.next_field(content, end, field.number)
    return _sound(rows), field.start


def _sound(rows: int) -> int:
    if not 0 <= rows < MOST_ROWS:
        raise ValueError(f"a row group of {rows} rows")
    return rows
