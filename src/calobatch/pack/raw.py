"""Raw files of either format behind one interface: count, labels, and dense blocks in order."""

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


class RawFile(Protocol):
    """A raw file that was opened and whose structure was checked."""

    events: int
    simulated: bool

    def labels(self) -> NDArray[np.floating]:
        """Return all labels, unchecked, (events)."""

    def read(self, start: int, stop: int) -> Block:
        """Return the events ``start`` to ``stop``."""

    def close(self) -> None:
        """Release the file."""


def open_raw(path: Path, layout: Layout) -> RawFile:
    """Open a raw file and check its structure against the layout; UserError says what is off."""
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
