"""One evaluated run as collect reads it, and the fingerprint that tells it from a later one."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

from calobatch.errors import UserError
from calobatch.evaluate.metrics import METRICS_FILE, Metrics, read_metrics
from calobatch.train.history import HISTORY_FILE, Epoch, read_history
from calobatch.train.predictions import PREDICTIONS_FILE
from calobatch.train.record import RECORD_FILE, RunRecord, read_record


@dataclass(frozen=True)
class RunFolder:
    """A finished and evaluated training."""

    folder: Path
    record: RunRecord
    metrics: Metrics
    history: list[Epoch]
    fingerprint: str


def read_run(folder: Path) -> RunFolder:
    """Read a run; raise a UserError if part of it is missing."""
    for name in (RECORD_FILE, METRICS_FILE, HISTORY_FILE, PREDICTIONS_FILE):
        if not (folder / name).is_file():
            raise UserError(f"{folder} has no {name}; train and evaluate it first")
    return RunFolder(
        folder=folder,
        record=read_record(folder),
        metrics=read_metrics(folder),
        history=read_history(folder / HISTORY_FILE),
        fingerprint=_fingerprint(folder),
    )


def _fingerprint(folder: Path) -> str:
    """Hash what the run is and what came of it: another training has another fingerprint."""
    digest = hashlib.sha256()
    for name in (RECORD_FILE, HISTORY_FILE, PREDICTIONS_FILE):
        digest.update((folder / name).read_bytes())
    return digest.hexdigest()
