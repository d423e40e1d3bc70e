"""The SHA-256 of a large file, computed once for each version of the file.

Reading 100 GB takes minutes, and every rank of every training needs the checksum of its data. The
result is therefore remembered in a small hidden file beside the large one, together with what tells
one version of a file from another. Bytes that change on the disk without any program writing to the
file leave no such trace; to have the file read again, delete the hidden file.
"""

import contextlib
import sys
from pathlib import Path
from typing import IO

from calobatch.checksum import sha256_of
from calobatch.errors import UserError
from calobatch.file_lock import wait_for_lock
from calobatch.record import Record

# From this size on, reading the file takes seconds, and a line says why nothing else happens.
BYTES_WITHOUT_A_LINE = 2 * 10**9


class Version(Record):
    """What changes if a file is written to or replaced; the times are in nanoseconds since 1970.

    ``changed_ns`` is the time that no program can set, unlike ``modified_ns``.
    """

    inode: int
    bytes: int
    modified_ns: int
    changed_ns: int


class Known(Record):
    """The SHA-256 of one version of a file."""

    version: Version
    sha256: str


def known_sha256(path: Path) -> str:
    """Return the SHA-256 of a file as 64 hexadecimal digits; read the file only if it is new.

    Several processes may call this at the same moment: one reads the file, and the others wait for
    its answer. In a folder that cannot be written, or on a file system without locks, each process
    reads the file itself.
    """
    version, memory = _version_of(path), path.with_name(f".{path.name}.sha256")
    if sha256 := _remembered(memory, version):
        return sha256
    with contextlib.ExitStack() as stack:
        with contextlib.suppress(OSError):
            file: IO[bytes] = stack.enter_context(memory.open("ab"))
            wait_for_lock(file, f"another process that computes the checksum of {path}")
        return _remembered(memory, version) or _compute(path, version, memory)


def _compute(path: Path, version: Version, memory: Path) -> str:
    if version.bytes >= BYTES_WITHOUT_A_LINE:
        size = f"{version.bytes / 1e9:.1f} GB"
        told = f"checking {path} ({size}), which is repeated only if it changes"
        print(told, file=sys.stderr, flush=True)
    sha256 = sha256_of(path)
    # A file that was written to meanwhile has a different checksum by now.
    if _version_of(path) == version:
        with contextlib.suppress(OSError):
            Known(version=version, sha256=sha256).write(memory)
    return sha256


def _version_of(path: Path) -> Version:
    found = path.stat()
    return Version(
        inode=found.st_ino,
        bytes=found.st_size,
        modified_ns=found.st_mtime_ns,
        changed_ns=found.st_ctime_ns,
    )


def _remembered(memory: Path, version: Version) -> str | None:
    """Return the checksum that is remembered for this version of the file, if there is one."""
    try:
        known = Known.read(memory)
    except UserError:
        return None
    return known.sha256 if known.version == version else None
