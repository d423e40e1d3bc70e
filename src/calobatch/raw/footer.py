"""Cut the footer of a parquet file into footers of a few row groups each.

pyarrow decodes a footer only as a whole, into 3.7 kB per row group. A public file has 297,980 row
groups (one per jet), which makes 1.1 GB in every process that opens the file. pyarrow has no way to
decode part of a footer (https://github.com/apache/arrow/issues/38149 and 35393 are about this), and
no other Python library cuts footers without decoding them. This module therefore steps through the
bytes of the footer once (thrift.py) and remembers only where each row group begins in it. It can
then make a small footer for any consecutive row groups, which pyarrow decodes as usual.
"""

import os
import re
import struct
from collections import deque
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from calobatch.raw import thrift

# A parquet file ends with the footer, its length in four bytes, and these four bytes.
MAGIC = b"PAR1"
# Field numbers of FileMetaData and of RowGroup in parquet.thrift; NUM_ROWS is 3 in both.
NUM_ROWS, ROW_GROUPS = 3, 4
# Maximum number of rows per row group; a damaged footer may contain any number.
MAX_ROWS = 2**31
# Number of row group structures to remember. Nearly all row groups of a file have the same one.
MAX_PATTERNS = 4
# Maximum size in bytes of a row group's entry in the footer that becomes a pattern. With a few
# columns an entry has less than 1000 bytes; a damaged one could become a huge regular expression.
MAX_PATTERN_BYTES = 20_000


class Footer:
    """The row groups of a parquet file.

    ``start`` has the row at which each row group begins and, as its last entry, the number of rows
    in the file. Raises a ValueError or a LookupError if the file has no valid footer.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        content, self.offset = _read_footer(path)
        self._walk(content)

    def _walk(self, content: bytes) -> None:
        """Find the parts of the footer that every cut repeats, and where each row group begins."""
        begin, end = {}, {}
        field = thrift.next_field(content, 0, 0)
        while field.kind != thrift.STOP:
            walk = self._walk_groups if field.number == ROW_GROUPS else thrift.end_of
            begin[field.number], end[field.number] = field.start, walk(content, field)
            field = thrift.next_field(content, end[field.number], field.number)
        # Every cut repeats these parts. Between them are the number of rows and the row groups.
        self.before_rows = content[: begin[NUM_ROWS]]
        self.before_groups = content[end[NUM_ROWS] : begin[ROW_GROUPS]]
        self.after_groups = content[end[ROW_GROUPS] :]

    def _walk_groups(self, content: bytes, field: thrift.Field) -> int:
        """Find where each row group begins in the footer, and its first row in the file."""
        count, _, at = thrift.read_list(content, field.start)
        # Each row group takes at least one byte. This is checked before memory is reserved for
        # ``count`` row groups, because a damaged footer may contain any number.
        if count > len(content):
            raise ValueError(f"its footer lists {count} row groups in {len(content)} bytes")
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
        """Return a footer with only the row groups from ``first`` up to ``last``."""
        # Read from the file again: in memory, the footer of a public file would take over 100 MB.
        with self.path.open("rb") as file:
            file.seek(self.offset + int(self.place[first]))
            groups = file.read(int(self.place[last] - self.place[first]))
        rows = int(self.start[last] - self.start[first])
        begin = self.before_rows + thrift.integer(rows) + self.before_groups
        header = thrift.list_header(last - first, thrift.STRUCT)
        return begin + header + groups + self.after_groups


def decoded(footer: bytes) -> pq.FileMetaData:
    """Return a footer as pyarrow's metadata."""
    # pyarrow reads metadata only from a whole file: this is the smallest one with this footer.
    alone = MAGIC + footer + struct.pack("<I", len(footer)) + MAGIC
    return pq.read_metadata(pa.BufferReader(alone))


def _read_footer(path: Path) -> tuple[bytes, int]:
    """Return the footer and its offset in the file. Raises a ValueError if there is none."""
    with path.open("rb") as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(max(size - 8, 0))
        length, magic = struct.unpack("<I4s", file.read(8).rjust(8, b"\0"))
        if magic != MAGIC or length + 12 > size:
            raise ValueError("its last bytes are not those of a parquet file")
        offset = file.seek(size - 8 - length)
        return file.read(length), offset


class GroupWalk:
    """Steps from one row group of a footer to the next.

    The row groups of a file nearly always have the same structure. A structure that was met before
    is kept as a regular expression, which steps over a row group 30 times as fast as Python code.
    """

    def __init__(self, content: bytes) -> None:
        self.content = content
        self.patterns: deque[re.Pattern[bytes]] = deque(maxlen=MAX_PATTERNS)

    def step(self, at: int) -> tuple[int, int]:
        """Return the number of rows of the row group at ``at``, and where the row group ends."""
        for pattern in self.patterns:
            if found := pattern.match(self.content, at):
                return _checked(thrift.read_integer(self.content, found.start(1))[0]), found.end()
        rows, end = _walk_group(self.content, at)
        if rows and end - at < MAX_PATTERN_BYTES:
            text, _ = thrift.pattern_of(self.content, at, thrift.STRUCT, captured=NUM_ROWS)
            self.patterns.appendleft(re.compile(text, re.DOTALL))
        return rows, end


def _walk_group(content: bytes, at: int) -> tuple[int, int]:
    """Return the number of rows of the row group at ``at``, and where the row group ends."""
    rows = 0
    field = thrift.next_field(content, at, 0)
    while field.kind != thrift.STOP:
        if field.number == NUM_ROWS:
            rows, end = thrift.read_integer(content, field.start)
        else:
            end = thrift.end_of(content, field)
        field = thrift.next_field(content, end, field.number)
    return _checked(rows), field.start


def _checked(rows: int) -> int:
    if not 0 <= rows < MAX_ROWS:
        raise ValueError(f"a row group has {rows} rows")
    return rows
