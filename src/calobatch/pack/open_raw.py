"""Open a raw file with the reader of its format."""

from pathlib import Path

from calobatch.errors import UserError
from calobatch.layouts import Layout
from calobatch.pack.raw import RawFile
from calobatch.public.content import kind_of


def open_raw(path: Path, layout: Layout) -> RawFile:
    """Return a reader of the raw file ``path``; its suffix decides which.

    Raises a UserError if the file does not exist, has an unknown suffix or damaged structure, or
    does not match ``layout``.
    """
    if path.is_dir():
        raise UserError(f"{path} is a folder; name the files in it")
    if not path.exists():
        raise UserError(f"{path} does not exist; fetch or simulate it first")
    if not path.is_file():
        raise UserError(f"{path} is not a regular file; copy its content to one")
    # The name is in the manifest of the store, which is text in one line.
    if not path.name.isprintable():
        raise UserError(f"{path.name!r} is no printable name; rename the file")
    # Each reader is imported only when it is needed: h5py and pyarrow are slow to import.
    if kind_of(path.name) in (".hdf5", ".h5"):
        from calobatch.pack.hdf5 import Hdf5File

        return Hdf5File(path, layout)
    if kind_of(path.name) == ".parquet":
        from calobatch.pack.parquet import ParquetFile

        return ParquetFile(path, layout)
    raise UserError(f"{path}: unknown file type {path.suffix!r}; use .hdf5, .h5 or .parquet")
