"""Raw HDF5 files: images channel last, read in slices along their chunks."""

import os
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


class Hdf5File:
    """An HDF5 file with images (events, H, W, C), labels (events) and scalars (events)."""

    def __init__(self, path: Path, layout: Layout) -> None:
        self.path, self.layout = path, layout
        try:
            self.file = h5py.File(path, "r")
            self.simulated = "simulation" in self.file.attrs
            self.events = self._check_structure()
        except DAMAGE as error:
            raise UserError(
                f"{path} is not a whole HDF5 file ({error}); delete it and fetch it again"
            ) from None

    def _check_structure(self) -> int:
        channels, height, width = self.layout.shape
        scalars = [scalar.name for scalar in self.layout.scalars]
        missing = {self.layout.image_key, self.layout.label_key, *scalars} - set(self.file)
        if missing:
            raise UserError(
                f"{self.path}: no key {', '.join(sorted(missing))}; it has "
                f"{', '.join(sorted(self.file)) or 'none'}; is this a {self.layout.name} file?"
            )
        self._check_array(self.layout.image_key, (height, width, channels), "f")
        for key in (self.layout.label_key, *scalars):
            self._check_array(key, (), "fiu")
        counts = {
            key: len(self.file[key])
            for key in (self.layout.image_key, self.layout.label_key, *scalars)
        }
        if len(set(counts.values())) > 1:
            raise UserError(
                f"{self.path}: the keys differ in their number of events "
                f"({', '.join(f'{key} {count}' for key, count in counts.items())}); "
                "delete it and fetch it again"
            )
        return counts[self.layout.label_key]

    def _check_array(self, key: str, shape: tuple[int, ...], kinds: str) -> None:
        """Check that ``key`` is an array of numbers, of ``shape`` for each event."""
        array = self.file[key]
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
        return self._read(self.layout.label_key, 0, self.events).astype(np.float64)

    def read(self, start: int, stop: int) -> Block:
        """Return the events ``start`` to ``stop``."""
        image_BHWC = self._read(self.layout.image_key, start, stop)
        scalars = [self._read(s.name, start, stop) for s in self.layout.scalars]
        return Block(
            image_BCHW=np.moveaxis(image_BHWC.reshape(stop - start, *self._shape_HWC()), -1, 1),
            scalars_BS=np.stack(scalars, axis=1, dtype=np.float64)
            if scalars
            else np.zeros((stop - start, 0)),
        )

    def _shape_HWC(self) -> tuple[int, int, int]:
        channels, height, width = self.layout.shape
        return height, width, channels

    def _read(self, key: str, start: int, stop: int) -> NDArray[np.floating]:
        try:
            values: NDArray[np.floating] = self.file[key][start:stop]
        except OSError as error:
            raise UserError(
                f"{self.path}: {key} cannot be read at events {start} to {stop} ({error}); "
                "the file is damaged: delete it and fetch it again"
            ) from None
        return values if key == self.layout.image_key else values.reshape(len(values))

    def close(self) -> None:
        """Release the file."""
        self.file.close()
