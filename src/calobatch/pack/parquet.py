"""Raw parquet files: images as lists of lists of lists, one row group a jet."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from calobatch.errors import UserError
from calobatch.layouts import Layout
from calobatch.pack.raw import Block

MEND = "leave the events concerned out of the file, or fetch it again"
NESTED_IMAGE = pa.list_(pa.list_(pa.list_(pa.float64())))


class ParquetFile:
    """A parquet file with images as nested lists (C, H, W) and a column for each scalar."""

    def __init__(self, path: Path, layout: Layout) -> None:
        self.path, self.layout = path, layout
        try:
            # Memory-mapped and without pre-buffering: a row group is read when it is asked for.
            self.file = pq.ParquetFile(path, memory_map=True, pre_buffer=False)
        except (OSError, pa.ArrowInvalid) as error:
            raise UserError(
                f"{path} is not a whole parquet file ({error}); delete it and fetch it again"
            ) from None
        metadata = self.file.metadata
        self.simulated = b"simulation" in (metadata.metadata or {})
        self.events = metadata.num_rows
        # Row number at which each row group starts, and one past the last.
        sizes = [metadata.row_group(i).num_rows for i in range(metadata.num_row_groups)]
        self.group_start = np.concatenate([[0], np.cumsum(sizes, dtype=np.int64)])
        self._check_structure()

    def _check_structure(self) -> None:
        schema = self.file.schema_arrow
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
        try:
            table = self.file.read(columns=[self.layout.label_key])
        except (OSError, pa.ArrowInvalid) as error:
            raise self._damaged(error) from None
        return self._numbers(table, self.layout.label_key)

    def read(self, start: int, stop: int) -> Block:
        """Return the events ``start`` to ``stop``."""
        first = int(np.searchsorted(self.group_start, start, side="right")) - 1
        last = int(np.searchsorted(self.group_start, stop, side="left"))
        names = [scalar.name for scalar in self.layout.scalars]
        try:
            table = self.file.read_row_groups(
                range(first, last), columns=[self.layout.image_key, *names], use_threads=False
            )
        except (OSError, pa.ArrowInvalid) as error:
            raise self._damaged(error) from None
        table = table.slice(start - int(self.group_start[first]), stop - start)
        scalars = [self._numbers(table, name) for name in names]
        return Block(
            image_BCHW=self._images(table.column(self.layout.image_key)),
            scalars_BS=np.stack(scalars, axis=1) if scalars else np.zeros((stop - start, 0)),
        )

    def _images(self, column: pa.ChunkedArray) -> NDArray[np.floating]:
        """Flatten the nested lists without copying a pixel at a time; check every list length."""
        images = [self._image_chunk(chunk) for chunk in column.chunks if len(chunk)]
        return np.concatenate(images)

    def _image_chunk(self, lists: pa.Array) -> NDArray[np.floating]:
        events = len(lists)
        for length in self.layout.shape:
            self._refuse_nulls(lists, self.layout.image_key)
            counts = np.diff(lists.offsets.to_numpy())
            if np.any(counts != length):
                raise UserError(
                    f"{self.path}: {self.layout.image_key} has a list of "
                    f"{int(counts[counts != length][0])} where {length} is expected; {MEND}"
                )
            lists = lists.flatten()
        self._refuse_nulls(lists, self.layout.image_key)
        values: NDArray[np.floating] = lists.to_numpy()
        return values.reshape(events, *self.layout.shape)

    def _numbers(self, table: pa.Table, name: str) -> NDArray[np.float64]:
        column = table.column(name)
        self._refuse_nulls(column, name)
        values: NDArray[np.float64] = column.to_numpy().astype(np.float64)
        return values

    def _refuse_nulls(self, values: pa.Array | pa.ChunkedArray, name: str) -> None:
        if values.null_count:
            raise UserError(f"{self.path}: {name} has {values.null_count} nulls; {MEND}")

    def _damaged(self, error: Exception) -> UserError:
        reason = " ".join(str(error).split())
        return UserError(f"{self.path} is damaged ({reason}); delete it and fetch it again")

    def close(self) -> None:
        """Release the file."""
        self.file.close()


def _is_nested_image(kind: pa.DataType) -> bool:
    for _ in range(3):
        if not (pa.types.is_list(kind) or pa.types.is_large_list(kind)):
            return False
        kind = kind.value_type
    return bool(pa.types.is_floating(kind))
