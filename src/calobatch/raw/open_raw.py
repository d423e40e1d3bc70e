"""Open a raw file with the reader of its format."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from calobatch.errors import UserError
from calobatch.layouts import Layout
from calobatch.public.content import MAGIC, kind_of
from calobatch.raw.interface import RawFile


def open_raw(path: Path, layout: Layout) -> RawFile:
    """Return a reader of the raw file ``path``; its suffix decides which.

    Raises a UserError if the file does not exist, has an unknown suffix or damaged structure, or
    does not match ``layout``.
    """
    if path.is_dir():
        raise UserError(f"{path} is a folder; name the files in it")
    if not path.exists():
        raise UserError(f"{path} does not exist; correct the path, or fetch or simulate it first")
    if not path.is_file():
        raise UserError(f"{path} is not a regular file; copy its content to one")
    # The name is in the manifest of the store, which is text in one line.
    if not path.name.isprintable():
        raise UserError(f"{path.name!r} is not a printable name; rename the file")
    if layout.hits is not None and kind_of(path.name) not in (".parquet", ".root"):
        raise UserError(
            f"{path}: layout {layout.name} has lists of hits, which are read from parquet and ROOT "
            "files; write the file again as one of these"
        )
    # Each reader is imported only when it is needed: h5py and pyarrow are slow to import.
    if kind_of(path.name) in (".hdf5", ".h5"):
        from calobatch.raw.hdf5 import Hdf5File

        return Hdf5File(path, layout)
    if kind_of(path.name) == ".parquet":
        from calobatch.raw.parquet import ParquetFile

        return ParquetFile(path, layout)
    if kind_of(path.name) in (".npz", ".npy"):
        from calobatch.raw.numpy_file import NumpyFile

        return NumpyFile(path, layout)
    if kind_of(path.name) == ".root":
        from calobatch.raw.root import RootFile

        return RootFile(path, layout)
    raise UserError(f"{path}: unknown file type {path.suffix!r}; use {', '.join(MAGIC)}")


def read_column(raw: RawFile, key: str) -> NDArray[np.floating]:
    """Return the number that each event of a raw file has under ``key``, shape (events).

    Raises a UserError if the file has no such numbers.
    """
    # The file is opened once more with these numbers in the place of its labels, so that they are
    # checked as labels are.
    return open_raw(raw.path, raw.layout.model_copy(update={"label": key})).labels()
