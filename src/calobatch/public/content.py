"""Check whether bytes can be a raw file, by its first bytes and its end.

The checks recognise a web page, a different kind of file and a truncated file without reading any
events.
"""

from pathlib import Path

_HDF5 = b"\x89HDF\r\n\x1a\n"
_PARQUET = b"PAR1"
MAGIC = {".hdf5": _HDF5, ".h5": _HDF5, ".parquet": _PARQUET}
# Number of bytes to look at: enough for the magic, and for the blank lines before some web pages.
HEAD_BYTES = 64

WEB_PAGE = "this is a web page, not the file; the share has expired or needs a log-in"


def head_fault(head: bytes, file: str) -> str | None:
    """Return why ``head`` cannot be the first bytes of ``file``, or None if it can."""
    if head.startswith(MAGIC[Path(file).suffix]):
        return None
    if head.lstrip()[:1] == b"<":
        return WEB_PAGE
    return f"the content does not begin like a {Path(file).suffix} file"


def file_fault(path: Path, file: str) -> str | None:
    """Return why ``path`` is not a complete copy of ``file``, or None if no fault is found."""
    with path.open("rb") as stream:
        head = stream.read(HEAD_BYTES)
    if fault := head_fault(head, file):
        return fault
    return _parquet_fault(path) if Path(file).suffix == ".parquet" else _hdf5_fault(path)


def _parquet_fault(path: Path) -> str | None:
    """Check the end of the file: footer, length of the footer (4 bytes, little endian), magic."""
    size = path.stat().st_size
    with path.open("rb") as stream:
        stream.seek(max(0, size - 8))
        end = stream.read()
    if end.endswith(_PARQUET) and int.from_bytes(end[:4], "little") + 12 <= size:
        return None
    return "the file is truncated: it does not end like a parquet file"


def _hdf5_fault(path: Path) -> str | None:
    # Imported here, because the Snakefile reads the dataset table, which uses this module. It
    # must be fast and work on a login node without h5py.
    import h5py

    try:
        # Opening compares the file's length with the length that it declares. No lock is needed to
        # read, and some network file systems (Lustre, NFS) refuse locks.
        h5py.File(path, "r", locking=False).close()
    except OSError as error:
        return f"not a complete HDF5 file ({error})"
    return None
