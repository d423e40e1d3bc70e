"""Raw parquet files: images as lists of lists of lists, one row group a jet."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from calobatch.arrow_view import view
from calobatch.errors import UserError
from calobatch.layouts import Layout
from calobatch.pack.footer import Footer, decoded
from calobatch.pack.raw import Block

MEND = "leave the events concerned out of the file, or fetch it again"
NESTED_IMAGE = pa.list_(pa.list_(pa.list_(pa.float64())))
# A column of a large row group is read through a buffer, not as a whole.
BYTES_A_READ = 256 * 1024
# pyarrow decodes 3.7 kB of footer for each.
GROUPS_A_READ = 1024
# What a damaged structure leads to, here and in pyarrow.
DAMAGE = (OSError, pa.ArrowException, ValueError, LookupError, RecursionError)


class ParquetFile:
    """A parquet file with images as nested lists (C, H, W) and a column for each scalar."""

    def __init__(self, path: Path, layout: Layout) -> None:
        self.path, self.layout = path, layout
        try:
            self.footer = Footer(path)
            empty = _opened(path, self.footer.cut(0, 0))
            schema, metadata = empty.schema_arrow, empty.metadata.metadata
        except DAMAGE as error:
            raise UserError(
                f"{path} is not a whole parquet file ({_one_line(error)}); delete it and fetch it "
                "again"
            ) from None
        self.simulated = b"simulation" in (metadata or {})
        self.events = int(self.footer.start[-1])
        self._check_structure(schema)

    def _check_structure(self, schema: pa.Schema) -> None:
        numbers = [self.layout.label_key, *(scalar.name for scalar in self.layout.scalars)]
        missing = {self.layout.image_key, *numbers} - set(schema.names)
        if missing:
            raise UserError(
                f"{self.path}: no column {', '.join(sorted(missing))}; it has "
                f"{', '.join(schema.names)}; is this a {self.layout.name} file?"
            )
        image = schema.field(self.layout.image_key).type
        if not _is_nested_image(image):
            raise UserError(
                f"{self.path}: {self.layout.image_key} is {image}, expected {NESTED_IMAGE}; "
                f"is this a {self.layout.name} file?"
            )
        for name in numbers:
            kind = schema.field(name).type
            if not (pa.types.is_floating(kind) or pa.types.is_integer(kind)):
                raise UserError(
                    f"{self.path}: {name} is {kind}, expected a number; "
                    f"is this a {self.layout.name} file?"
                )

    def labels(self) -> NDArray[np.floating]:
        """Return all labels, unchecked, (events)."""
        name = self.layout.label_key
        parts = [piece.numbers(name) for piece in self.pieces(self.events)]
        return np.concatenate([np.zeros(0), *parts])

    def pieces(self, events: int) -> Iterator["ParquetPiece"]:
        """Yield all events in order: as many row groups as have ``events`` together, or one."""
        first = 0
        while first < self.footer.groups:
            most = self.footer.start[first] + events
            last = int(np.searchsorted(self.footer.start, most, side="right")) - 1
            last = min(max(last, first + 1), first + GROUPS_A_READ)
            yield self._piece(first, last)
            first = last

    def _piece(self, first: int, last: int) -> "ParquetPiece":
        start, stop = self.footer.start[first], self.footer.start[last]
        return ParquetPiece(
            self.path, self.layout, int(start), int(stop), self.footer.cut(first, last)
        )


@dataclass(frozen=True)
class ParquetPiece:
    """Consecutive row groups, with a footer that has no others."""

    path: Path
    layout: Layout
    start: int
    stop: int
    footer: bytes

    def numbers(self, name: str) -> NDArray[np.float64]:
        """Return a column of numbers, (events)."""
        parts = [self._numbers(batch, name) for batch in self._batches([name], 65_536)]
        return np.concatenate([np.zeros(0), *parts])

    def blocks(self, events: int) -> Iterator[Block]:
        """Yield all its events in order, at most ``events`` at a time, each decoded once."""
        names = [scalar.name for scalar in self.layout.scalars]
        for batch in self._batches([self.layout.image_key, *names], events):
            scalars = [self._numbers(batch, name) for name in names]
            yield Block(
                image_BCHW=self._images(batch.column(self.layout.image_key)),
                scalars_BS=np.stack(scalars, axis=1) if scalars else np.zeros((len(batch), 0)),
            )

    def _batches(self, columns: list[str], rows: int) -> Iterator[pa.RecordBatch]:
        found = 0
        try:
            file = _opened(self.path, self.footer)
            for batch in file.iter_batches(rows, columns=columns, use_threads=False):
                found += len(batch)
                yield batch
        except (OSError, pa.ArrowException) as error:
            raise self._damaged(_one_line(error)) from None
        if found != self.stop - self.start:
            raise self._damaged(f"{found} events where its footer has {self.stop - self.start}")

    def _images(self, lists: pa.Array) -> NDArray[np.floating]:
        """Flatten the nested lists without touching a pixel; check every list length."""
        events = len(lists)
        for length in self.layout.shape:
            self._refuse_nulls(lists, self.layout.image_key)
            counts = np.diff(view(lists.offsets))
            if np.any(counts != length):
                raise UserError(
                    f"{self.path}: {self.layout.image_key} has a list of "
                    f"{int(counts[counts != length][0])} where {length} is expected; {MEND}"
                )
            lists = lists.flatten()
        self._refuse_nulls(lists, self.layout.image_key)
        values: NDArray[np.floating] = view(lists)
        return values.reshape(events, *self.layout.shape)

    def _numbers(self, batch: pa.RecordBatch, name: str) -> NDArray[np.float64]:
        column = batch.column(name)
        self._refuse_nulls(column, name)
        values: NDArray[np.float64] = view(column).astype(np.float64)
        return values

    def _refuse_nulls(self, values: pa.Array, name: str) -> None:
        if values.null_count:
            raise UserError(f"{self.path}: {name} has {values.null_count} nulls; {MEND}")

    def _damaged(self, reason: str) -> UserError:
        return UserError(f"{self.path} is damaged ({reason}); delete it and fetch it again")


def _opened(path: Path, footer: bytes) -> pq.ParquetFile:
    return pq.ParquetFile(
        path, metadata=decoded(footer), pre_buffer=False, buffer_size=BYTES_A_READ
    )


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())


def _is_nested_image(kind: pa.DataType) -> bool:
    for _ in range(3):
        if not (pa.types.is_list(kind) or pa.types.is_large_list(kind)):
            return False
        kind = kind.value_type
    return bool(pa.types.is_floating(kind))
