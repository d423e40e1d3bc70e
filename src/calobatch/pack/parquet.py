"""Read raw parquet files: images as lists of lists of lists, often one row group per jet."""

from collections.abc import Iterator
from dataclasses import dataclass
from math import prod
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from calobatch.arrow_view import view
from calobatch.errors import UserError
from calobatch.layouts import Layout
from calobatch.pack.footer import Footer, decoded
from calobatch.pack.raw import (
    Block,
    as_floating,
    has_channels_last,
    refuse_more_events_than_bytes,
    refuse_other_kinds,
)

NESTED_IMAGE = pa.list_(pa.list_(pa.list_(pa.float64())))
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
        check_layout = _check_layout(self.layout)
        numbers = [self.layout.label_key, *(scalar.name for scalar in self.layout.scalars)]
        for name in (self.layout.image_key, *numbers):
            if (found := schema.names.count(name)) > 1:
                raise UserError(
                    f"{self.path} has {found} columns called {name}; write the file again with one"
                )
        missing = {self.layout.image_key, *numbers} - set(schema.names)
        if missing:
            raise UserError(
                f"{self.path} has no column {', '.join(sorted(missing))} (its columns: "
                f"{', '.join(schema.names)}); {check_layout}"
            )
        image = schema.field(self.layout.image_key).type
        if not _is_nested_image(image, self.layout):
            raise UserError(
                f"{self.path}: {self.layout.image_key} has type {image}, expected {NESTED_IMAGE}; "
                f"{check_layout}"
            )
        for name in numbers:
            kind = schema.field(name).type
            if not (_is_number(kind) or pa.types.is_boolean(kind)):
                raise UserError(
                    f"{self.path}: {name} has type {kind}, expected a number; {check_layout}"
                )

    def labels(self) -> NDArray[np.floating]:
        """Return the labels of all events, shape (events), without checking their values."""
        name = self.layout.label_key
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
        parts = [self._numbers(batch, name) for batch in self._batches([name], 65_536)]
        return np.concatenate([np.zeros(0), *parts])

    def blocks(self, events: int) -> Iterator[Block]:
        """Yield all events in order, at most ``events`` per block; decode each event once."""
        names = [scalar.name for scalar in self.layout.scalars]
        self._refuse_too_many_pixels()
        for batch in self._batches([self.layout.image_key, *names], events):
            scalars = [self._numbers(batch, name) for name in names]
            yield Block(
                image_BCHW=self._images(batch.column(self.layout.image_key)),
                scalars_BS=np.stack(scalars, axis=1) if scalars else np.zeros((len(batch), 0)),
            )

    def _refuse_too_many_pixels(self) -> None:
        """Raise a UserError if a row group claims to have far more pixels than its events need.

        A few bytes can stand for a list of 10^9 equal pixels, which pyarrow would write out before
        :meth:`_images` could refuse it. That has the better message for small differences.
        """
        metadata = decoded(self.footer)
        names = [metadata.schema.column(i).path.split(".")[0] for i in range(metadata.num_columns)]
        image = names.index(self.layout.image_key)
        for group in map(metadata.row_group, range(metadata.num_row_groups)):
            pixels = group.column(image).num_values
            if pixels > 2 * group.num_rows * prod(self.layout.shape):
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

    def _images(self, lists: pa.Array) -> NDArray[np.floating]:
        """Return nested lists as an array (B, C, H, W) without copying a pixel.

        The lists may be nested as (H, W, C) too. Raises a UserError if a list does not have the
        layout's length, or if a value is null.
        """
        events = len(lists)
        channels, height, width = self.layout.shape
        self._refuse_nulls(lists, self.layout.image_key)
        outermost, depth = _lengths(lists), _depth(lists.type)
        shape = self.layout.shape
        last = (int(outermost[0]), width, channels) if events and depth == 3 else ()
        if has_channels_last(last, self.layout):
            shape = (height, width, channels)
        for length in shape[len(shape) - depth :]:
            # Each level is checked: an image with the right number of pixels may still have one row
            # with a pixel too many and one with a pixel too few.
            self._refuse_nulls(lists, self.layout.image_key)
            counts = _lengths(lists)
            if np.any(counts != length):
                raise UserError(
                    f"{self.path}: {self.layout.image_key} has a list of length "
                    f"{int(counts[counts != length][0])}, expected {length}; "
                    f"{_check_layout(self.layout)}, and remove events with other images from it"
                )
            lists = lists.flatten()  # removes one level of nesting
        self._refuse_nulls(lists, self.layout.image_key)
        images = as_floating(view(lists)).reshape(events, *shape)
        return images if shape == self.layout.shape else np.moveaxis(images, -1, 1)

    def _numbers(self, batch: pa.RecordBatch, name: str) -> NDArray[np.float64]:
        column = batch.column(name)
        self._refuse_nulls(column, name)
        if pa.types.is_boolean(column.type):
            column = column.cast(pa.uint8())
        values: NDArray[np.float64] = view(column).astype(np.float64)
        return values

    def _refuse_nulls(self, values: pa.Array, name: str) -> None:
        if values.null_count:
            raise UserError(
                f"{self.path}: {name} has missing values ({values.null_count} nulls); remove "
                "the affected events from the file"
            )

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


def _check_layout(layout: Layout) -> str:
    return f"check that the file has the layout {layout.name}"


def _is_nested_image(kind: pa.DataType, layout: Layout) -> bool:
    """Return whether a type is three nested lists of numbers of any width.

    The images of a layout with one channel may be two nested lists.
    """
    if _depth(kind) not in ((2, 3) if layout.shape[0] == 1 else (3,)):
        return False
    while _is_list(kind):
        kind = kind.value_type
    return _is_number(kind)


def _is_number(kind: pa.DataType) -> bool:
    return bool(pa.types.is_floating(kind) or pa.types.is_integer(kind))


def _is_list(kind: pa.DataType) -> bool:
    tests = (
        pa.types.is_list, pa.types.is_large_list, pa.types.is_fixed_size_list,
        pa.types.is_list_view, pa.types.is_large_list_view,
    )  # fmt: skip
    return any(test(kind) for test in tests)


def _depth(kind: pa.DataType) -> int:
    """Return how many lists are nested in each other."""
    return 1 + _depth(kind.value_type) if _is_list(kind) else 0


def _lengths(lists: pa.Array) -> NDArray[np.int64]:
    """Return the length of each list."""
    if pa.types.is_fixed_size_list(lists.type):
        return np.full(len(lists), lists.type.list_size)
    if pa.types.is_list_view(lists.type) or pa.types.is_large_list_view(lists.type):
        return view(lists.sizes)
    return np.diff(view(lists.offsets))
