"""Read raw parquet files: images as lists of lists of lists, often one row group per jet."""

from collections.abc import Iterator
from dataclasses import dataclass
from math import prod
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from calobatch.errors import UserError
from calobatch.layouts import Layout
from calobatch.raw.footer import Footer, decoded
from calobatch.raw.interface import (
    Block,
    label_key,
    planes,
    refuse_more_events_than_bytes,
    refuse_other_kinds,
)
from calobatch.raw.nested import Nested

# Columns are read through a buffer of this size. Otherwise pyarrow would read the whole column of a
# row group at once, and row groups may be large.
BYTES_PER_READ = 256 * 1024
# Maximum number of row groups per piece. pyarrow decodes 3.7 kB of footer per row group, so this
# keeps the footer of a piece below 4 MB.
GROUPS_PER_READ = 1024
# What this module and pyarrow raise when the structure of a file is damaged.
DAMAGE = (OSError, pa.ArrowException, ValueError, LookupError, RecursionError)


class ParquetFile:
    """A parquet file with images as nested lists (C, H, W) and a column for each scalar."""

    def __init__(self, path: Path, layout: Layout) -> None:
        self.path, self.layout = path, layout
        try:
            self.footer = Footer(path)
            # A footer without row groups still has the schema and the metadata, and is small.
            empty = _opened(path, self.footer.cut(0, 0))
            schema, metadata = empty.schema_arrow, empty.metadata.metadata
        except DAMAGE as error:
            refuse_other_kinds(path)
            raise UserError(
                f"{path} is not a complete parquet file ({_one_line(error)}); delete it and fetch "
                "it again"
            ) from None
        self.simulated = b"simulation" in (metadata or {})
        self.events = int(self.footer.start[-1])
        refuse_more_events_than_bytes(path, self.events)
        self._check_structure(schema)

    def _check_structure(self, schema: pa.Schema) -> None:
        """Check the names and types of the columns against the layout."""
        nested = Nested(self.path, self.layout)
        for name in self.layout.keys:
            if (found := schema.names.count(name)) > 1:
                raise UserError(
                    f"{self.path} has {found} columns called {name}; write the file again with one"
                )
        missing = set(self.layout.keys) - set(schema.names)
        if missing:
            raise UserError(
                f"{self.path} has no column {', '.join(sorted(missing))} (its columns: "
                f"{', '.join(schema.names)}); {nested.check_layout}"
            )
        nested.check_types(lambda key: schema.field(key).type)

    def labels(self) -> NDArray[np.floating]:
        """Return the labels of all events, shape (events), without checking their values."""
        name = label_key(self.layout)
        parts = [piece.numbers(name) for piece in self.pieces(self.events)]
        # np.zeros(0), because a file without row groups has no piece.
        return np.concatenate([np.zeros(0), *parts])

    def pieces(self, events: int) -> Iterator["ParquetPiece"]:
        """Yield all events in order, in pieces of whole row groups.

        A piece has as many row groups as fit in ``events``, but at least one.
        """
        first = 0
        while first < self.footer.groups:
            most = self.footer.start[first] + events
            # The number of row groups that end at or before event ``most``.
            last = int(np.searchsorted(self.footer.start, most, side="right")) - 1
            last = min(max(last, first + 1), first + GROUPS_PER_READ)
            yield self._piece(first, last)
            first = last

    def _piece(self, first: int, last: int) -> "ParquetPiece":
        start, stop = self.footer.start[first], self.footer.start[last]
        return ParquetPiece(
            self.path, self.layout, int(start), int(stop), self.footer.cut(first, last)
        )


@dataclass(frozen=True)
class ParquetPiece:
    """Consecutive row groups, with a footer that lists only these.

    The footer travels with the piece, so that a worker need not decode the one of the whole file.
    """

    path: Path
    layout: Layout
    start: int
    stop: int
    footer: bytes

    def numbers(self, name: str) -> NDArray[np.float64]:
        """Return the column ``name`` as numbers, shape (events)."""
        nested = Nested(self.path, self.layout)
        parts = [nested.numbers(b.column(name), name) for b in self._batches([name], 65_536)]
        return np.concatenate([np.zeros(0), *parts])

    def blocks(self, events: int) -> Iterator[Block]:
        """Yield all events in order, at most ``events`` per block; decode each event once."""
        names = [scalar.in_file for scalar in self.layout.scalars]
        self._refuse_too_many_pixels()
        nested = Nested(self.path, self.layout)
        for batch in self._batches([*self.layout.image_keys, *names], events):
            yield nested.block(len(batch), batch.column)

    def _refuse_too_many_pixels(self) -> None:
        """Raise a UserError if a row group claims to have far more pixels than its events need.

        A few bytes can stand for a list of 10^9 equal pixels, which pyarrow would write out before
        :meth:`_images` could refuse it. That has the better message for small differences.
        """
        metadata = decoded(self.footer)
        names = [metadata.schema.column(i).path.split(".")[0] for i in range(metadata.num_columns)]
        most = {plane.key: prod(plane.layout.shape) for plane in planes(self.layout)}
        for key in self.layout.image_keys:
            image = names.index(key)
            for group in map(metadata.row_group, range(metadata.num_row_groups)):
                pixels = group.column(image).num_values
                if pixels > 2 * group.num_rows * most.get(key, self.layout.pixels):
                    raise self._damaged(f"{pixels} pixels in {group.num_rows} events")

    def _batches(self, columns: list[str], rows: int) -> Iterator[pa.RecordBatch]:
        found = 0
        try:
            file = _opened(self.path, self.footer)
            # use_threads=False: pack runs one process per core already.
            for batch in file.iter_batches(rows, columns=columns, use_threads=False):
                found += len(batch)
                yield batch
        except (OSError, pa.ArrowException) as error:
            raise self._damaged(_one_line(error)) from None
        # pyarrow reports no error if a damaged footer lists more events than the pages contain.
        if found != self.stop - self.start:
            raise self._damaged(f"{found} events, but {self.stop - self.start} in its footer")

    def _damaged(self, reason: str) -> UserError:
        return UserError(f"{self.path} is damaged ({reason}); delete it and fetch it again")


def _opened(path: Path, footer: bytes) -> pq.ParquetFile:
    """Open the file ``path``, with ``footer`` instead of its own footer."""
    # pre_buffer would read all columns of a row group into memory at once.
    return pq.ParquetFile(
        path, metadata=decoded(footer), pre_buffer=False, buffer_size=BYTES_PER_READ
    )


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())
