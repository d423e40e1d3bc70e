"""The files of a finished training, each compared with the checksum in its record.

All readers of these files get their paths from here.
"""

from pathlib import Path

from calobatch.checksum import sha256_of
from calobatch.errors import UserError, reading
from calobatch.run.files import HISTORY_FILE, PREDICTIONS_FILE, WEIGHTS_FILE
from calobatch.run.training import RunRecord

# The record itself has a checksum of its own (calobatch.record).
FILES = (WEIGHTS_FILE, HISTORY_FILE, PREDICTIONS_FILE)


def checksums(folder: Path) -> dict[str, str]:
    """Return the SHA-256 of each file of a finished training except its record."""
    return {name: sha256_of(folder / name) for name in FILES}


def checked_file(folder: Path, record: RunRecord, name: str) -> Path:
    """Return the path of a file of a finished training.

    Raises UserError if the file is missing, or is not the one that the training wrote. The records
    of older versions have no checksums, so their files are not compared.
    """
    path = folder / name
    if not record.files:
        return path
    with reading(path, record.fix):
        found = sha256_of(path)
    if found != record.files[name]:
        raise UserError(
            f"{path} was changed after the training wrote it, as its checksum shows; delete it and "
            "train again"
        )
    return path
