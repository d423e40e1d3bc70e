"""Raw files of either format behind one interface: count, labels, and dense blocks in order."""

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from calobatch.errors import UserError
from calobatch.layouts import Layout


class Block(NamedTuple):
    """Consecutive events of one file, as the file has them, channels first."""

    image_BCHW: NDArray[np.floating]
    scalars_BS: NDArray[np.float64]


class Piece(Protocol):
    """Consecutive events that a file keeps together, so that one process reads them.

    A small thing that is sent to another process; it opens the file there.
    """

    @property
    def path(self) -> Path:
        """The file."""

    @property
    def start(self) -> int:
        """The number of its first event in the file."""

    @property
    def stop(self) -> int:
        """One past the number of its last event."""

    def blocks(self, events: int) -> Iterator[Block]:
        """Yield all its events in order, at most ``events`` at a time, each decoded once."""


class RawFile(Protocol):
    """A raw file whose structure was checked; it is not kept open."""

    path: Path
    events: int
    simulated: bool

    def labels(self) -> NDArray[np.floating]:
        """Return all labels, unchecked, (events)."""

    def pieces(self, events: int) -> Iterator[Piece]:
        """Yield all events in order, in pieces of at most ``events`` where the file allows it."""


def open_raw(path: Path, layout: Layout) -> RawFile:
    """Check the structure of a raw file against the layout; UserError says what is off."""
    # The two readers are imported here so that each costs only where it is used.
    if not path.is_file():
        raise UserError(f"{path} does not exist; fetch or simulate it first")
    if path.suffix in (".hdf5", ".h5"):
        from calobatch.pack.hdf5 import Hdf5File

        return Hdf5File(path, layout)
    if path.suffix == ".parquet":
        from calobatch.pack.parquet import ParquetFile

        return ParquetFile(path, layout)
    raise UserError(f"{path}: unknown kind of file {path.suffix!r}; expected .hdf5, .h5, .parquet")
