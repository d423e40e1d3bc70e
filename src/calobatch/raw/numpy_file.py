"""Read raw NumPy files: .npz with an array per key, or .npy with the images alone.

Arrays are memory-mapped. A compressed array cannot be, so it is read from its beginning to its end,
as one piece. Pickled objects are refused, because reading one runs the code in it.
"""

import zipfile
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, NamedTuple

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from calobatch.errors import UserError
from calobatch.layouts import Layout
from calobatch.public.content import kind_of
from calobatch.raw.interface import (
    NUMBERS,
    TEXT,
    Block,
    channels_first,
    image_shapes,
    joined,
    label_key,
    labels_of,
    planes,
    refuse_more_events_than_bytes,
    refuse_other_kinds,
    refuse_other_shape,
    side_by_side,
)

# What this module, numpy and zipfile raise when the structure of a file is damaged.
DAMAGE = (OSError, ValueError, EOFError, zipfile.BadZipFile, NotImplementedError, zlib.error)
# zlib makes a file at most 1032 times smaller.
BYTES_PER_COMPRESSED_BYTE = 1100
# Before the name of a member of an archive there are 26 bytes, then the lengths of two texts.
LENGTHS, TEXTS = 26, 30


class Array(NamedTuple):
    """An array of a file, in C order: where it begins, or which member of an archive it is."""

    file: Path
    member: str  # of a compressed array; otherwise empty
    offset: int  # of an array that is not compressed
    dtype: np.dtype[np.generic]
    shape: tuple[int, ...]

    def blocks(self, start: int, stop: int, events: int) -> Iterator[NDArray[np.generic]]:
        """Yield the values of the events from ``start`` to ``stop``, ``events`` at a time."""
        sizes = [min(events, stop - first) for first in range(start, stop, events)]
        read = self._from_member(sizes) if self.member else self._mapped(start, sizes)
        try:
            yield from read
        except DAMAGE as error:
            raise UserError(
                f"{self.file} is damaged ({error}); write or fetch the file again"
            ) from None

    def _mapped(self, start: int, sizes: Sequence[int]) -> Iterator[NDArray[np.generic]]:
        if not sizes:
            return  # an empty array cannot be mapped
        mapped = np.memmap(
            self.file, dtype=self.dtype, mode="r", offset=self.offset, shape=self.shape
        )
        for size in sizes:
            yield np.array(mapped[start : start + size])
            start += size

    def _from_member(self, sizes: Sequence[int]) -> Iterator[NDArray[np.generic]]:
        of_event = self.dtype.itemsize * int(np.prod(self.shape[1:], dtype=np.int64))
        with zipfile.ZipFile(self.file) as archive, archive.open(self.member) as stream:
            _header(stream, self.file)
            for size in sizes:
                content = stream.read(size * of_event)
                if len(content) < size * of_event:
                    raise EOFError(f"{self.member} ends too early")
                yield np.frombuffer(content, self.dtype).reshape(size, *self.shape[1:])


class NumpyFile:
    """A NumPy file with images (events, H, W, C), labels (events) and scalars (events).

    The images may have their channels first, as (events, C, H, W), and one channel needs no axis.
    """

    simulated = False

    def __init__(self, path: Path, layout: Layout) -> None:
        self.path, self.layout = path, layout
        try:
            if kind_of(path.name) == ".npy":
                self.arrays = {layout.image_keys[0]: only_array(path)}
            else:
                self.arrays = arrays_of(path, layout.keys)
        except DAMAGE as error:
            refuse_other_kinds(path)
            raise UserError(
                f"{path} is not a complete NumPy file ({error}); write or fetch it again"
            ) from None
        if missing := set(layout.keys) - set(self.arrays):
            raise UserError(
                f"{path} has no array {', '.join(sorted(missing))}{_others(path)}; "
                f"{self._check_layout}, or write all arrays of an event to one .npz file"
            )
        self._check_structure()
        self.events = self.arrays[layout.image_keys[0]].shape[0]

    @property
    def _check_layout(self) -> str:
        return f"check that the file has the layout {self.layout.name}"

    def _check_structure(self) -> None:
        """Check types and shapes against the layout."""
        shapes_of = {plane.key: image_shapes(plane.layout) for plane in planes(self.layout)}
        first = self.layout.image_keys[0]
        events = self.arrays[first].shape[0]
        for key, array in self.arrays.items():
            shapes = shapes_of.get(key, [()])
            allowed = NUMBERS + TEXT if key == self.layout.label else NUMBERS
            if array.dtype.kind not in allowed:
                raise UserError(
                    f"{self.path}: {key} has type {array.dtype}, expected numbers; "
                    f"{self._check_layout}"
                )
            refuse_other_shape(self.path, key, array.shape, shapes, self.layout)
            if array.shape[0] != events:
                raise UserError(
                    f"{self.path}: {key} has {array.shape[0]} events, but {first} has "
                    f"{events}; write the file again"
                )
            size = BYTES_PER_COMPRESSED_BYTE if array.member else 1
            refuse_more_events_than_bytes(self.path, events // size)

    def labels(self) -> NDArray[np.floating]:
        """Return the labels of all events, shape (events), without checking their values."""
        blocks = self.arrays[label_key(self.layout)].blocks(0, self.events, max(self.events, 1))
        values = [block.reshape(-1) for block in blocks]
        if values and values[0].dtype.kind in TEXT:
            names = np.concatenate(values).astype(np.str_)
            return labels_of(names.tolist(), self.path, self.layout)
        return np.concatenate([np.zeros(0), *values]).astype(np.float64)

    def pieces(self, events: int) -> Iterator["NumpyPiece"]:
        """Yield all events in order, in pieces of at most ``events`` where the file allows it."""
        if any(array.member for array in self.arrays.values()):
            events = max(self.events, 1)
        for start in range(0, self.events, events):
            stop = min(start + events, self.events)
            yield NumpyPiece(self.path, self.layout, start, stop, self.arrays)


@dataclass(frozen=True)
class NumpyPiece:
    """Consecutive events of a NumPy file."""

    path: Path
    layout: Layout
    start: int
    stop: int
    arrays: Mapping[str, Array]

    def blocks(self, events: int) -> Iterator[Block]:
        """Yield all events in order, at most ``events`` per block; read each event once."""
        parts = planes(self.layout)
        keys = [*(plane.key for plane in parts), *(s.in_file for s in self.layout.scalars)]
        read = [self.arrays[key].blocks(self.start, self.stop, events) for key in keys]
        for values in zip(*read, strict=True):
            images, scalars = values[: len(parts)], values[len(parts) :]
            of_events = [column.reshape(-1).astype(np.float64) for column in scalars]
            yield Block(
                image_BCHW=joined(
                    [channels_first(i, p.layout) for i, p in zip(images, parts, strict=True)]
                ),
                scalars_BS=side_by_side(of_events, len(images[0])),
            )


def only_array(path: Path) -> Array:
    """Return the array of an .npy file."""
    with path.open("rb") as file:
        shape, dtype = _header(file, path)
        array = Array(path, "", file.tell(), dtype, shape)
    _check_length(array)
    return array


def _others(path: Path) -> str:
    """Return a part of a message with the names of the arrays that an .npz file has."""
    if kind_of(path.name) == ".npy":
        return ""
    with zipfile.ZipFile(path) as archive:
        names = sorted(name.removesuffix(".npy") for name in archive.namelist())
    return f"; its arrays: {', '.join(names) or 'none'}"


def arrays_of(path: Path, keys: Sequence[str] | None = None) -> dict[str, Array]:
    """Return those arrays of an .npz file that have one of the ``keys``; None: all arrays."""
    arrays = {}
    with zipfile.ZipFile(path) as archive:
        members = {member.filename.removesuffix(".npy"): member for member in archive.infolist()}
        for key in members if keys is None else keys:
            if (member := members.get(key)) is None:
                continue
            with archive.open(member) as stream:
                shape, dtype = _header(stream, path)
                before = stream.tell()
            if member.compress_type == zipfile.ZIP_STORED:
                offset = _start_of(path, member) + before
                arrays[key] = Array(path, "", offset, dtype, shape)
                _check_length(arrays[key])
            else:
                arrays[key] = Array(path, member.filename, 0, dtype, shape)
    return arrays


def _start_of(path: Path, member: zipfile.ZipInfo) -> int:
    """Return where the bytes of an archive's member begin: after its name and its extra field."""
    with path.open("rb") as file:
        file.seek(member.header_offset + LENGTHS)
        texts = [int.from_bytes(file.read(2), "little") for _ in ("name", "extra")]
    return member.header_offset + TEXTS + sum(texts)


def _header(stream: IO[bytes], path: Path) -> tuple[tuple[int, ...], np.dtype[np.generic]]:
    """Read the header of an array; return its shape and its type."""
    version = npy.read_magic(stream)
    read = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
    shape, fortran, dtype = read(stream)
    if dtype.hasobject:
        raise UserError(
            f"{path} has pickled Python objects, which are never read, because reading them runs "
            "their code; write arrays of numbers instead"
        )
    if fortran and len(shape) > 1:
        raise UserError(
            f"{path} has an array in Fortran order, in which the values of an event are far apart; "
            "write np.ascontiguousarray(array) instead"
        )
    if not shape:
        raise UserError(f"{path} has a single number, not an array with a value for each event")
    return shape, dtype


def _check_length(array: Array) -> None:
    # Python's whole numbers, because a damaged shape may be too large for those of NumPy.
    end = array.offset + array.dtype.itemsize
    for length in array.shape:
        end = array.offset + (end - array.offset) * length
    size = array.file.stat().st_size
    if end > size:
        raise ValueError(f"it has {size} bytes, but its arrays need {end}")
