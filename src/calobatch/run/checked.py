"""The files of a finished training, each compared with the checksum in its record.

All readers of these files get their paths from here.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar, Protocol

from calobatch.checksum import sha256_of
from calobatch.errors import UserError, reading
from calobatch.run.files import RECORD_FILE, TRAINING_FILES, WEIGHTS_FILE, missing_files
from calobatch.run.training import RunRecord


class Checked(Protocol):
    """A record of the files that a stage wrote beside it: the SHA-256 of each by its name."""

    fix: ClassVar[str]

    @property
    def files(self) -> dict[str, str]: ...  # noqa: D102


def checksums(folder: Path) -> dict[str, str]:
    """Return the SHA-256 of each file of a finished training except its record."""
    # The record itself has a checksum of its own (calobatch.record).
    return {name: sha256_of(folder / name) for name in TRAINING_FILES if name != RECORD_FILE}


def checked_file(folder: Path, record: Checked, name: str) -> Path:
    """Return the path of a file of a finished training, or of an ensemble of them.

    Raises UserError if the file is missing, or is not the one that was written. The records of
    older versions have no checksums, so their files are not compared.
    """
    path = folder / name
    if not record.files:
        return path
    with reading(path, record.fix):
        found = sha256_of(path)
    if found != record.files[name]:
        raise UserError(
            f"{path} was changed after it was written, as its checksum shows; delete it and "
            f"{record.fix}"
        )
    return path


def check_written(folder: Path, files: Mapping[str, str], stage: str) -> None:
    """Compare the ``files`` that a ``stage`` wrote to ``folder`` with their SHA-256.

    Raises UserError if a file is missing, or was changed since.
    """
    fix = f"run `calobatch {stage}` again"
    for name, expected in files.items():
        with reading(folder / name, fix):
            found = sha256_of(folder / name)
        if found != expected:
            raise UserError(
                f"{folder / name} was changed after {stage} wrote it, as its checksum shows; "
                f"delete it and {fix}"
            )


def finished_run(folder: Path) -> tuple[RunRecord, Path]:
    """Return the record and the weights of the finished training in ``folder``.

    Raises UserError if no training has finished there, or if one of the two files is damaged.
    """
    if missing := missing_files(folder, (RECORD_FILE, WEIGHTS_FILE)):
        raise UserError(
            f"{folder} has no {', '.join(missing)}, so it is not the folder of a finished "
            "training; name one, such as results/quickstart/electron_photon_cnn/seed1"
        )
    record = RunRecord.read(folder / RECORD_FILE)
    return record, checked_file(folder, record, WEIGHTS_FILE)
