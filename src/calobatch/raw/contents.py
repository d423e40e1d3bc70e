"""What a raw file holds: its keys or columns, with samples of their values.

A file is never read as a whole: samples are short slices at equal distances.
"""

import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from calobatch.errors import UserError
from calobatch.public.content import MAGIC, kind_of
from calobatch.raw.interface import NUMBERS, TEXT, refuse_other_kinds

if TYPE_CHECKING:
    from calobatch.raw.numpy_file import Array

# Number of slices of a sample, and of events per slice.
SLICES, EVENTS = 20, 50


class Entry(NamedTuple):
    """A key or column: its number of events, the shape and kind of a value, and how it is stored.

    ``sample`` has the values of some events, shape (events, *shape). It is None if they are neither
    numbers nor text, or if the events have different shapes.
    """

    name: str
    events: int
    shape: tuple[int, ...]
    kind: str
    storage: str
    sample: NDArray[np.generic] | None

    @property
    def numbers(self) -> NDArray[np.float64] | None:
        """The sample, if it has numbers."""
        if self.sample is None or self.sample.dtype.kind not in NUMBERS:
            return None
        return self.sample.astype(np.float64)

    @property
    def texts(self) -> list[str]:
        """The different texts of the sample, in alphabetical order; empty if it has none."""
        if self.sample is None or self.sample.dtype.kind not in TEXT:
            return []
        return [
            text.decode(errors="replace") if isinstance(text, bytes) else str(text)
            for text in np.unique(self.sample).tolist()
        ]


def contents(path: Path) -> list[Entry]:
    """Return the keys or columns of a raw file.

    Raises a UserError if the file is missing, damaged, or of an unknown format.
    """
    if not path.is_file():
        raise UserError(f"{path} is not a file; name a raw file")
    readers = {
        ".hdf5": _hdf5,
        ".h5": _hdf5,
        ".parquet": _parquet,
        ".npz": _npz,
        ".npy": _npy,
        ".root": _root,
    }
    reader = readers.get(kind_of(path.name))
    if reader is None:
        raise UserError(f"{path}: unknown file type {path.suffix!r}; use {', '.join(MAGIC)}")
    try:
        return list(reader(path))
    # The libraries raise errors of many kinds at a damaged file.
    except (OSError, ValueError, LookupError, RuntimeError, EOFError, zipfile.BadZipFile) as error:
        refuse_other_kinds(path)
        raise UserError(f"{path} cannot be read ({error}); write or fetch it again") from None


def slices(events: int) -> list[tuple[int, int]]:
    """Return the first and the last event of each slice of a sample."""
    if events <= SLICES * EVENTS:
        return [(0, events)]
    starts = np.linspace(0, events - EVENTS, SLICES).astype(int).tolist()
    return [(start, start + EVENTS) for start in starts]


def _hdf5(path: Path) -> Iterator[Entry]:
    import h5py

    with h5py.File(path, "r") as file:
        names: list[str] = []
        file.visititems(
            lambda name, item: names.append(name) if isinstance(item, h5py.Dataset) else None
        )
        for name in names:
            array = file[name]
            if not array.shape:
                continue
            chunks = f"chunks {array.chunks}" if array.chunks else "one piece"
            sample = None
            if array.dtype.kind in NUMBERS:
                sample = np.concatenate([array[a:b] for a, b in slices(len(array))])
            elif h5py.check_string_dtype(array.dtype):
                texts = array.asstr(errors="replace")
                sample = np.concatenate([texts[a:b] for a, b in slices(len(array))]).astype(str)
            yield Entry(
                name,
                len(array),
                tuple(array.shape[1:]),
                str(array.dtype),
                f"{chunks}, {array.compression or 'not compressed'}",
                sample,
            )


def _parquet(path: Path) -> Iterator[Entry]:
    import pyarrow.parquet as pq

    from calobatch.raw.footer import Footer, decoded

    footer = Footer(path)
    # Of many row groups, only some are decoded: a footer with all of them can take a gigabyte.
    chosen = np.unique(np.linspace(0, max(footer.groups - 1, 0), SLICES).astype(int))
    parts = [decoded(footer.cut(int(g), int(g) + 1)) for g in chosen if g < footer.groups]
    schema = pq.ParquetFile(path, metadata=decoded(footer.cut(0, 0))).schema_arrow
    for field in schema:
        rows: list[object] = []
        for part in parts:
            file = pq.ParquetFile(path, metadata=part, pre_buffer=False)
            batch = next(file.iter_batches(EVENTS, columns=[field.name], use_threads=False), None)
            rows += [] if batch is None else batch.column(0).to_pylist()
        sample = _as_array(rows)
        codec = "empty"
        if parts:
            columns = map(parts[0].row_group(0).column, range(parts[0].num_columns))
            of_field = (c for c in columns if c.path_in_schema.split(".")[0] == field.name)
            codec = next(of_field).compression.lower()
        yield Entry(
            field.name,
            int(footer.start[-1]),
            () if sample is None else tuple(sample.shape[1:]),
            str(field.type),
            f"{footer.groups:,} row group{'' if footer.groups == 1 else 's'}, {codec}",
            sample,
        )


def _as_array(rows: list[object]) -> NDArray[np.generic] | None:
    """Return values as an array; None if they are neither numbers nor text, or differ in shape."""
    try:
        values = np.array(rows)
    except ValueError:
        return None
    return values if values.dtype.kind in NUMBERS + TEXT else None


def _root(path: Path) -> Iterator[Entry]:
    from calobatch.raw.root import columns_of, opened, reading_root, trees_of

    with reading_root(path), opened(path) as file:
        trees = sorted((file[name] for name in trees_of(file)), key=lambda tree: tree.num_entries)
        if not trees:
            raise UserError(f"{path} has no tree")
        *others, tree = trees
        events = int(tree.num_entries)
        for key in tree.keys():  # noqa: SIM118 (iterating over a tree itself yields arrays)
            rows: list[object] = []
            for start, stop in slices(events):
                rows += columns_of(tree, [key], start, stop)[key].to_pylist()
            sample = _as_array(rows)
            yield Entry(
                key,
                events,
                () if sample is None else tuple(sample.shape[1:]),
                tree[key].typename,
                f"tree {tree.name}",
                sample,
            )
        for other in others:
            yield Entry(
                other.name, int(other.num_entries), (), "another tree", "set tree to use it", None
            )


def _npz(path: Path) -> Iterator[Entry]:
    from calobatch.raw.numpy_file import arrays_of

    for name, array in arrays_of(path).items():
        yield _of_numpy(name, array)


def _npy(path: Path) -> Iterator[Entry]:
    from calobatch.raw.numpy_file import only_array

    yield _of_numpy("the only array", only_array(path))


def _of_numpy(name: str, array: "Array") -> Entry:
    events = array.shape[0]
    if not array.member:
        parts = [block for a, b in slices(events) for block in array.blocks(a, b, b - a)]
    elif len(array.shape) == 1:
        everything = np.concatenate(list(array.blocks(0, events, 65_536)))
        parts = [everything[a:b] for a, b in slices(events)]
    else:
        # A compressed array can only be read from its beginning.
        parts = list(array.blocks(0, min(events, SLICES * EVENTS), EVENTS))
    known = array.dtype.kind in NUMBERS + TEXT and parts
    return Entry(
        name,
        events,
        array.shape[1:],
        str(array.dtype),
        "compressed" if array.member else "not compressed",
        np.concatenate(parts) if known else None,
    )
