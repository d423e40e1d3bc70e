"""The folder of a run: the names of its files, and how a whole run is written and read."""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from calobatch.errors import UserError
from calobatch.run.history import Epoch, read_history, write_history
from calobatch.run.metrics import Metrics
from calobatch.run.predictions import write_predictions
from calobatch.run.training import RunRecord
from calobatch.store import Store

# Written by train. The record is last: where it is, the training has finished.
WEIGHTS_FILE = "model.safetensors"
HISTORY_FILE = "history.jsonl"
PREDICTIONS_FILE = "predictions.parquet"
RECORD_FILE = "run.json"
# Written by evaluate. The metrics are last: where they are, the plots are too.
PLOTS_FOLDER = "plots"
PLOTS = ("roc", "scores", "history", "calibration", "confusion")
METRICS_FILE = "metrics.json"


@dataclass(frozen=True)
class RunFolder:
    """A finished and evaluated training."""

    folder: Path
    record: RunRecord
    metrics: Metrics
    history: list[Epoch]
    fingerprint: str


def write_run(
    folder: Path,
    store: Store,
    history: Sequence[Epoch],
    scores: NDArray[np.float32],
    record: RunRecord,
) -> None:
    """Write what a finished training leaves beside its weights; ``scores`` has one per event."""
    write_history(history, folder / HISTORY_FILE)
    write_predictions(store, scores, folder / PREDICTIONS_FILE)
    record.write(folder / RECORD_FILE)


def read_run(folder: Path) -> RunFolder:
    """Read an evaluated run. Raises UserError if one of its files is missing or damaged."""
    needed = (RECORD_FILE, METRICS_FILE, HISTORY_FILE, PREDICTIONS_FILE)
    if missing := missing_files(folder, needed):
        raise UserError(f"{folder} has no {missing[0]}; train and evaluate it first")
    return RunFolder(
        folder=folder,
        record=RunRecord.read(folder / RECORD_FILE),
        metrics=Metrics.read(folder / METRICS_FILE),
        history=read_history(folder / HISTORY_FILE),
        fingerprint=_fingerprint(folder),
    )


def missing_files(folder: Path, names: Iterable[str]) -> list[str]:
    """Return those of ``names`` that are not files in ``folder``."""
    return [name for name in names if not (folder / name).is_file()]


def plot_path(folder: Path, plot: str) -> Path:
    """Return where a plot of :data:`PLOTS` is stored."""
    return folder / PLOTS_FOLDER / f"{plot}.png"


def _fingerprint(folder: Path) -> str:
    """Hash the settings and the outcome of a run: a training that is repeated gets another."""
    digest = hashlib.sha256()
    for name in (RECORD_FILE, HISTORY_FILE, PREDICTIONS_FILE):
        digest.update((folder / name).read_bytes())
    return digest.hexdigest()
