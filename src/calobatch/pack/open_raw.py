"""Open a raw file with the reader of its format."""

from pathlib import Path

from calobatch.errors import UserError
from calobatch.layouts import Layout
from calobatch.pack.raw import RawFile


def open_raw(path: Path, layout: Layout) -> RawFile:
    """Return a reader of the raw file ``path``; its suffix decides which.

    Raises a UserError if the file does not exist, has an unknown suffix or damaged structure, or
    does not match ``layout``.
    """
    if not path.is_file():
        raise UserError(f"{path} does not exist; fetch or simulate it first")
    # Each reader is imported only when it is needed: h5py and pyarrow are slow to import.
    if path.suffix in (".hdf5", ".h5"):
        from calobatch.pack.hdf5 import Hdf5File

        return Hdf5File(path, layout)
    if path.suffix == ".parquet":
        from calobatch.pack.parquet import ParquetFile

        return ParquetFile(path, layout)
    raise UserError(f"{path}: unknown file type {path.suffix!r}; use .hdf5, .h5 or .parquet")
