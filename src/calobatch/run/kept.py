"""The kept copy of a finished run, which survives if Snakemake deletes the run's own files.

Snakemake deletes the outputs of a job that failed, and a training's job can still fail after its
last file was written: a signal ends one of the ranks, or the node fails. A finished run is
therefore first written to a folder that is not an output of a rule, and then linked from there. The
copy occupies no space of its own where the file system has hard links. It is deleted when the run
is evaluated, because by then Snakemake has accepted its files.
"""

import os
import shutil
from pathlib import Path

from calobatch.atomic import atomic_path
from calobatch.errors import UserError
from calobatch.run.checked import checked_file
from calobatch.run.files import RECORD_FILE, TRAINING_FILES, missing_files
from calobatch.run.training import RunRecord

KEPT_FOLDER = ".kept"


def kept_folder(run_folder: Path) -> Path:
    """Return the folder that a finished training writes its files to."""
    return run_folder / KEPT_FOLDER


def kept_run(run_folder: Path, identity: str) -> RunRecord | None:
    """Return the record of the kept run if it is whole and has this ``identity``, else None."""
    folder = kept_folder(run_folder)
    if missing_files(folder, TRAINING_FILES):
        return None
    try:
        record = RunRecord.read(folder / RECORD_FILE)
        for name in record.files:
            checked_file(folder, record, name)
    except UserError:
        return None
    return record if record.identity == identity else None


def publish_kept_run(run_folder: Path) -> None:
    """Put the files of the kept run into the run's own folder."""
    # The record is the last of them, so a folder with a record is a finished training.
    for name in TRAINING_FILES:
        kept = kept_folder(run_folder) / name
        with atomic_path(run_folder / name) as partial:
            try:
                os.link(kept, partial)
            except OSError:  # no hard links here
                shutil.copy2(kept, partial)


def forget_kept_run(run_folder: Path) -> None:
    """Delete the kept run, if there is one."""
    shutil.rmtree(kept_folder(run_folder), ignore_errors=True)
