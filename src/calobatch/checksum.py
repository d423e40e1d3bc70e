"""The SHA-256 of a file."""

import hashlib
from pathlib import Path


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file as 64 hexadecimal digits; memory does not grow with its size."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
