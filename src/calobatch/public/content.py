"""Check whether bytes can be a raw file, by its first bytes and its end.

The checks recognise other kinds of file under the name of a raw file, and a truncated file, without
reading any events.
"""

from pathlib import Path

_HDF5 = b"\x89HDF\r\n\x1a\n"
_PARQUET = b"PAR1"
_NUMPY = b"\x93NUMPY"
_ZIP = b"PK"
_ROOT = b"root"
MAGIC = {
    ".hdf5": _HDF5,
    ".h5": _HDF5,
    ".parquet": _PARQUET,
    ".npz": _ZIP,
    ".npy": _NUMPY,
    ".root": _ROOT,
}
# Number of bytes to look at: enough for the magic, and for the blank lines before some web pages.
HEAD_BYTES = 64
# Enough for the title of a web page.
PAGE_BYTES = 4096

WEB_PAGE = "this is a web page, not the file; the share has expired or needs a log-in"
QUOTA_PAGE = (
    "this is a web page, not the file; the file was downloaded too often today, so try again "
    "tomorrow, or add the file to a drive of your own and set location to that copy"
)
# What files of other kinds begin with.
_OTHER_KINDS = {
    b"PK\x03\x04": "this is a zip archive; unpack it",
    b"\x1f\x8b": "this is compressed with gzip; unpack it with gunzip",
    b"BZh": "this is compressed with bzip2; unpack it with bunzip2",
    b"\xfd7zXZ\x00": "this is compressed with xz; unpack it with unxz",
    b"(\xb5/\xfd": "this is compressed with zstd; unpack it with unzstd",
    b"version https://git-lfs": "this is a pointer of git-lfs, not the file; run `git lfs pull` in "
    "the repository that it comes from",
    _HDF5: "this is an HDF5 file; give it the ending .hdf5",
    _PARQUET: "this is a parquet file; give it the ending .parquet",
    b"ARROW1": "this is an Arrow file; write it again as parquet",
    _ROOT: "this is a ROOT file; give it the ending .root",
    _NUMPY: "this is a NumPy file; give it the ending .npy",
}


def kind_of(file: str) -> str:
    """Return the ending of a file's name in lower case; MAGIC has those of raw files."""
    return Path(file).suffix.lower()


def head_fault(head: bytes, file: str) -> str | None:
    """Return why ``head`` cannot be the first bytes of ``file``, or None if it can."""
    if head.startswith(MAGIC[kind_of(file)]):
        return None
    return other_kind(head) or f"the content does not begin like a {kind_of(file)} file"


def other_kind(head: bytes) -> str | None:
    """Return what begins with ``head``, and what to do about it; None if that is not known."""
    for beginning, fault in _OTHER_KINDS.items():
        if head.startswith(beginning):
            return fault
    return page_fault(head) if head.lstrip()[:1] == b"<" else None


def page_fault(page: bytes) -> str:
    """Return what a web page says that came instead of a file; ``page`` is its beginning."""
    return QUOTA_PAGE if b"quota exceeded" in page.lower() else WEB_PAGE


def file_fault(path: Path, file: str) -> str | None:
    """Return why ``path`` is not a complete copy of ``file``, or None if no fault is found."""
    with path.open("rb") as stream:
        head = stream.read(PAGE_BYTES)
    if fault := head_fault(head, file):
        return fault
    checks = {".parquet": _parquet_fault, ".hdf5": _hdf5_fault, ".h5": _hdf5_fault}
    check = checks.get(kind_of(file))
    return check(path) if check else None


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
    # must be fast.
    try:
        import h5py
    except ModuleNotFoundError:
        # The environment of a login node has no h5py. There pack finds a truncated file.
        return None
    try:
        # Opening compares the file's length with the length that it declares. No lock is needed to
        # read, and some network file systems (Lustre, NFS) refuse locks.
        h5py.File(path, "r", locking=False).close()
    except OSError as error:
        return f"not a complete HDF5 file ({error})"
    return None
