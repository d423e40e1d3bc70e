"""Read raw HDF5 files: each chunk of images is decoded once."""

import os
import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from calobatch.errors import UserError
from calobatch.layouts import Layout
from calobatch.raw.interface import (
    NUMBERS,
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

# Lustre and NFS often refuse HDF5's file locks. Locks are not needed here, because files are only
# read. h5py reads the variable when it is imported.
os.environ.setdefault("HDF5_USE_FILE_LOCKING", "FALSE")
import h5py

from calobatch.raw.hdf5_content import (
    refuse_absent_values,
    refuse_dangling_link,
    refuse_missing_filter,
)

# What h5py raises when the structure of a file is damaged.
DAMAGE = (OSError, RuntimeError, KeyError, TypeError, ValueError)
# Number of slots in the chunk cache. Two chunks that fall on the same slot evict each other, so
# there are many more slots than chunks; HDF5 recommends a prime number.
CACHE_SLOTS = 10_007


class Hdf5File:
    """An HDF5 file with images (events, H, W, C), labels (events) and scalars (events).

    The images may have their channels first, as (events, C, H, W), and one channel needs no axis.
    """

    def __init__(self, path: Path, layout: Layout) -> None:
        self.path, self.layout = path, layout
        try:
            with h5py.File(path, "r") as file:
                self.simulated = "simulation" in file.attrs
                self.events = self._check_structure(file)
                self.events_per_chunk = max(
                    (file[key].chunks or (1,))[0] for key in layout.image_keys
                )
        except DAMAGE as error:
            refuse_other_kinds(path)
            # HDF5 marks a file while a program writes to it.
            if "h5clear" in str(error):
                raise UserError(
                    f"{path} was left open by the program that wrote it; if that has ended, repair "
                    f"the file with `h5clear --status {shlex.quote(str(path))}`"
                ) from None
            raise UserError(
                f"{path} is not a complete HDF5 file ({error}); delete it and fetch it again"
            ) from None

    def _check_structure(self, file: h5py.File) -> int:
        """Check keys, shapes and types against the layout; return the number of events."""
        keys = self.layout.keys
        missing = set(keys) - set(file)
        if missing:
            raise UserError(
                f"{self.path} has no key {', '.join(sorted(missing))} (its keys: "
                f"{', '.join(sorted(file)) or 'none'}); {self._check_layout}"
            )
        for key in keys:
            refuse_dangling_link(self.path, file, key)
        for plane in planes(self.layout):
            self._check_array(file, plane.key, *image_shapes(plane.layout))
        for key in self.layout.number_keys:
            self._check_array(file, key, ())
        counts = {key: len(file[key]) for key in keys}
        if len(set(counts.values())) > 1:
            raise UserError(
                f"{self.path}: the keys have different numbers of events "
                f"({', '.join(f'{key} {count}' for key, count in counts.items())}); "
                "delete the file and fetch it again"
            )
        events = counts[keys[0]]
        refuse_more_events_than_bytes(self.path, events)
        for key in keys:
            refuse_absent_values(self.path, file[key])
            refuse_missing_filter(self.path, file[key])
        return events

    @property
    def _check_layout(self) -> str:
        return f"check that the file has the layout {self.layout.name}"

    def _check_array(self, file: h5py.File, key: str, *shapes: tuple[int, ...]) -> None:
        """Check that ``key`` is an array of numbers with one of the ``shapes`` per event."""
        array = file[key]
        if not isinstance(array, h5py.Dataset) or not array.shape:
            raise UserError(
                f"{self.path}: {key} is not an array with one entry per event; {self._check_layout}"
            )
        refuse_other_shape(self.path, key, array.shape, shapes, self.layout)
        names_classes = key == self.layout.label and h5py.check_string_dtype(array.dtype)
        if array.dtype.kind not in NUMBERS and not names_classes:
            raise UserError(
                f"{self.path}: {key} has type {array.dtype}, expected numbers; {self._check_layout}"
            )

    def labels(self) -> NDArray[np.floating]:
        """Return the labels of all events, shape (events), without checking their values."""
        key = label_key(self.layout)
        everything = Hdf5Piece(self.path, self.layout, 0, self.events)
        with everything.opened() as file:
            return everything.numbers(file, key, 0, self.events)

    def pieces(self, events: int) -> Iterator["Hdf5Piece"]:
        """Yield all events in order, in pieces of whole chunks.

        A piece has as many chunks as fit in ``events``, but at least one.
        """
        step = max(events // self.events_per_chunk, 1) * self.events_per_chunk
        for start in range(0, self.events, step):
            yield Hdf5Piece(self.path, self.layout, start, min(start + step, self.events))


@dataclass(frozen=True)
class Hdf5Piece:
    """Consecutive whole chunks of an HDF5 file."""

    path: Path
    layout: Layout
    start: int
    stop: int

    def blocks(self, events: int) -> Iterator[Block]:
        """Yield all events in order, at most ``events`` per block; decode each event once."""
        with self.opened() as file:
            images = [_with_room_for_a_chunk(file, key) for key in self.layout.image_keys]
            for start in range(self.start, self.stop, events):
                yield self._block(file, images, start, min(start + events, self.stop))

    def _block(
        self, file: h5py.File, images: Sequence[h5py.Dataset], start: int, stop: int
    ) -> Block:
        parts = [
            channels_first(self._slice(image, start, stop), plane.layout)
            for image, plane in zip(images, planes(self.layout), strict=True)
        ]
        scalars = [self.numbers(file, s.in_file, start, stop) for s in self.layout.scalars]
        return Block(
            image_BCHW=joined(parts),
            scalars_BS=side_by_side(scalars, stop - start),
        )

    def opened(self) -> h5py.File:
        """Open the file again. Raises a UserError if that is no longer possible."""
        try:
            return h5py.File(self.path, "r")
        except OSError as error:
            raise UserError(
                f"{self.path} can no longer be opened ({error}); delete it and fetch it again"
            ) from None

    def numbers(self, file: h5py.File, key: str, start: int, stop: int) -> NDArray[np.float64]:
        """Return the numbers under ``key`` of the events from ``start`` up to ``stop``.

        Names of classes become labels.
        """
        if h5py.check_string_dtype(file[key].dtype):
            names = self._slice(file[key].asstr(errors="replace"), start, stop)
            return labels_of(names.reshape(stop - start), self.path, self.layout)
        return self._slice(file[key], start, stop).reshape(stop - start).astype(np.float64)

    def _slice(self, array: Any, start: int, stop: int) -> NDArray[Any]:
        try:
            values: NDArray[Any] = array[start:stop]
        except OSError as error:
            raise UserError(
                f"{self.path}: {Path(array.name).name} of the events {start} to {stop} cannot be "
                f"read ({error}); delete the damaged file and fetch it again"
            ) from None
        return values


def _with_room_for_a_chunk(file: h5py.File, key: str) -> h5py.Dataset:
    """Open the array ``key`` with a cache large enough for one chunk of events.

    A block is often smaller than a chunk. HDF5 keeps a decoded chunk between reads only if the
    chunk fits in the cache, which is 1 MB by default (8 MB from HDF5 2); otherwise it decodes the
    chunk again for every block.
    """
    array = file[key]
    if not array.chunks:
        return array
    # Chunks may divide an image too, and all chunks of one image are read together, so the cache
    # needs room for all the chunks that cover an image.
    whole = [-(-size // part) * part for size, part in zip(array.shape, array.chunks, strict=True)]
    room = array.chunks[0] * prod(whole[1:]) * array.dtype.itemsize
    # The first open handle of an array decides its cache, so this one must be closed first.
    del array
    access = h5py.h5p.create(h5py.h5p.DATASET_ACCESS)
    # 1.0: evict chunks that were read completely first. They are not needed again.
    access.set_chunk_cache(CACHE_SLOTS, room, 1.0)
    return h5py.Dataset(h5py.h5d.open(file.id, key.encode(), access))
