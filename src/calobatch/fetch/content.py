"""What a raw file looks like from outside: its first bytes and its end."""

from pathlib import Path

_HDF5 = b"\x89HDF\r\n\x1a\n"
_PARQUET = b"PAR1"
MAGIC = {".hdf5": _HDF5, ".h5": _HDF5, ".parquet": _PARQUET}
# Bytes to look at: the magic, and room for the blank lines some web pages begin with.
HEAD_BYTES = 64

WEB_PAGE = "a web page came instead of the file: the share has expired or asks for a log-in"


def head_fault(head: bytes, file: str) -> str | None:
    """Return why ``head``, the first bytes, cannot be those of ``file``; None when they can."""
    if head.startswith(MAGIC[Path(file).suffix]):
        return None
    if head.lstrip()[:1] == b"<":
        return WEB_PAGE
    return f"what came does not begin like a {Path(file).suffix} file"


def file_fault(path: Path, file: str) -> str | None:
    """Return why the bytes at ``path`` are not a whole ``file``; None when they seem to be."""
    with path.open("rb") as stream:
        head = stream.read(HEAD_BYTES)
    if fault := head_fault(head, file):
        return fault
    return _parquet_fault(path) if Path(file).suffix == ".parquet" else _hdf5_fault(path)


def _parquet_fault(path: Path) -> str | None:
    """Check the end: the footer, its length (4 bytes, little endian) and the magic again."""
    size = path.stat().st_size
    with path.open("rb") as stream:
        stream.seek(max(0, size - 8))
        end = stream.read()
    if end.endswith(_PARQUET) and int.from_bytes(end[:4], "little") + 12 <= size:
        return None
    return "the file is truncated: its end is not that of a parquet file"


def _hdf5_fault(path: Path) -> str | None:
    # Imported here because the Snakefile reads the dataset table, and that must stay cheap.
    import h5py

    try:
        # Opening compares the length with the one the file declares. Lustre and NFS refuse locks.
        h5py.File(path, "r", locking=False).close()
    except OSError as error:
        return f"not a whole HDF5 file ({error})"
    return None
