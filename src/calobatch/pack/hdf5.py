"""Raw HDF5 files: images channel last, each chunk read once."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from math import prod
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from calobatch.errors import UserError
from calobatch.layouts import Layout
from calobatch.pack.raw import Block

# Lustre and NFS often refuse HDF5's locks; we only read. Must be set before h5py is imported.
os.environ.setdefault("HDF5_USE_FILE_LOCKING", "FALSE")
import h5py

# What h5py raises when the file's own structure is damaged.
DAMAGE = (OSError, RuntimeError, KeyError, TypeError, ValueError)
# Places for chunks in the cache; two chunks that fall on the same one drive each other out.
CACHE_SLOTS = 10_007


class Hdf5File:
    """An HDF5 file with images (events, H, W, C), labels (events) and scalars (events)."""

    def __init__(self, path: Path, layout: Layout) -> None:
        self.path, self.layout = path, layout
        try:
            with h5py.File(path, "r") as file:
                self.simulated = "simulation" in file.attrs
                self.events = self._check_structure(file)
                self.events_a_chunk = (file[layout.image_key].chunks or (1,))[0]
        except DAMAGE as error:
            raise UserError(
                f"{path} is not a whole HDF5 file ({error}); delete it and fetch it again"
            ) from None

    def _check_structure(self, file: h5py.File) -> int:
        channels, height, width = self.layout.shape
        scalars = [scalar.name for scalar in self.layout.scalars]
        missing = {self.layout.image_key, self.layout.label_key, *scalars} - set(file)
        if missing:
            raise UserError(
                f"{self.path}: no key {', '.join(sorted(missing))}; it has "
                f"{', '.join(sorted(file)) or 'none'}; is this a {self.layout.name} file?"
            )
        self._check_array(file, self.layout.image_key, (height, width, channels), "f")
        for key in (self.layout.label_key, *scalars):
            self._check_array(file, key, (), "fiu")
        counts = {
            key: len(file[key]) for key in (self.layout.image_key, self.layout.label_key, *scalars)
        }
        if len(set(counts.values())) > 1:
            raise UserError(
                f"{self.path}: the keys differ in their number of events "
                f"({', '.join(f'{key} {count}' for key, count in counts.items())}); "
                "delete it and fetch it again"
            )
        return counts[self.layout.label_key]

    def _check_array(self, file: h5py.File, key: str, shape: tuple[int, ...], kinds: str) -> None:
        """Check that ``key`` is an array of numbers, of ``shape`` for each event."""
        array = file[key]
        doubt = f"is this a {self.layout.name} file?"
        if not isinstance(array, h5py.Dataset) or not array.shape:
            raise UserError(f"{self.path}: {key} is not an array of events; {doubt}")
        expected = (len(array), *shape)
        if array.shape not in (expected, (*expected, 1)):
            raise UserError(
                f"{self.path}: {key} has shape {array.shape}, expected {expected}; {doubt}"
            )
        if array.dtype.kind not in kinds:
            wanted = "floating point" if kinds == "f" else "numbers"
            raise UserError(f"{self.path}: {key} is {array.dtype}, expected {wanted}; {doubt}")

    def labels(self) -> NDArray[np.floating]:
        """Return all labels, unchecked, (events)."""
        everything = Hdf5Piece(self.path, self.layout, 0, self.events)
        with everything.opened() as file:
            return everything.numbers(file, self.layout.label_key, 0, self.events)

    def pieces(self, events: int) -> Iterator["Hdf5Piece"]:
        """Yield all events in order: as many chunks as have ``events`` together, or one."""
        step = max(events // self.events_a_chunk, 1) * self.events_a_chunk
        for start in range(0, self.events, step):
            yield Hdf5Piece(self.path, self.layout, start, min(start + step, self.events))


@dataclass(frozen=True)
class Hdf5Piece:
    """Consecutive chunks."""

    path: Path
    layout: Layout
    start: int
    stop: int

    def blocks(self, events: int) -> Iterator[Block]:
        """Yield all its events in order, at most ``events`` at a time, each decoded once."""
        with self.opened() as file:
            image = _with_room_for_a_chunk(file, self.layout.image_key)
            for start in range(self.start, self.stop, events):
                yield self._block(file, image, start, min(start + events, self.stop))

    def _block(self, file: h5py.File, image: h5py.Dataset, start: int, stop: int) -> Block:
        channels, height, width = self.layout.shape
        image_BHWC = self._slice(image, start, stop).reshape(-1, height, width, channels)
        scalars = [self.numbers(file, s.name, start, stop) for s in self.layout.scalars]
        return Block(
            image_BCHW=np.moveaxis(image_BHWC, -1, 1),
            scalars_BS=np.stack(scalars, axis=1) if scalars else np.zeros((stop - start, 0)),
        )

    def opened(self) -> h5py.File:
        """Open the file, which was whole when its structure was checked."""
        try:
            return h5py.File(self.path, "r")
        except OSError as error:
            raise UserError(
                f"{self.path} cannot be opened any more ({error}); delete it and fetch it again"
            ) from None

    def numbers(self, file: h5py.File, key: str, start: int, stop: int) -> NDArray[np.float64]:
        """Return the numbers ``key`` of the events ``start`` to ``stop``."""
        return self._slice(file[key], start, stop).reshape(stop - start).astype(np.float64)

    def _slice(self, array: h5py.Dataset, start: int, stop: int) -> NDArray[np.floating]:
        try:
            values: NDArray[np.floating] = array[start:stop]
        except OSError as error:
            raise UserError(
                f"{self.path}: {Path(array.name).name} cannot be read at events {start} to {stop} "
                f"({error}); the file is damaged: delete it and fetch it again"
            ) from None
        return values


def _with_room_for_a_chunk(file: h5py.File, key: str) -> h5py.Dataset:
    """Open an array so that a chunk, read in slices, is decoded once.

    HDF5 keeps a chunk only where it fits in the cache, which is 1 MB (8 MB from HDF5 2) unless
    asked otherwise.
    """
    array = file[key]
    if not array.chunks:
        return array
    # Chunks that divide an image as well are read together.
    whole = [-(-size // part) * part for size, part in zip(array.shape, array.chunks, strict=True)]
    room = array.chunks[0] * prod(whole[1:]) * array.dtype.itemsize
    del array  # A cache is that of the first handle of the array.
    access = h5py.h5p.create(h5py.h5p.DATASET_ACCESS)
    access.set_chunk_cache(CACHE_SLOTS, room, 1.0)
    return h5py.Dataset(h5py.h5d.open(file.id, key.encode(), access))
