"""export/export.json: the files that export wrote for a run, and their checksums."""

from pathlib import Path
from typing import ClassVar

from calobatch.record import Record
from calobatch.run.checked import check_written
from calobatch.run.files import EXPORT_FILE, EXPORT_FOLDER


class ExportRecord(Record):
    """What export wrote: the SHA-256 of each file by its name.

    ``fault`` says why there is no graph among the files; empty if there is.
    """

    fix: ClassVar[str] = "run `calobatch export` again"

    files: dict[str, str]
    fault: str


def exported_files(run_folder: Path) -> dict[str, Path]:
    """Return the files that export wrote for a run, by their names.

    Raises UserError if the model was not exported, or if a file is missing or was changed since.
    """
    folder = run_folder / EXPORT_FOLDER
    record = ExportRecord.read(folder / EXPORT_FILE)
    check_written(folder, record.files, "export")
    return {name: folder / name for name in record.files}
