"""Write and read the folder of a run as a whole."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from calobatch.errors import UserError
from calobatch.run.checked import checked_file, checksums
from calobatch.run.files import (
    HISTORY_FILE,
    METRICS_FILE,
    PREDICTIONS_FILE,
    RECORD_FILE,
    missing_files,
)
from calobatch.run.history import Epoch, read_history, write_history
from calobatch.run.metrics import Metrics
from calobatch.run.predictions import write_predictions
from calobatch.run.training import RunRecord
from calobatch.store import Store, open_store


@dataclass(frozen=True)
class RunFolder:
    """A finished and evaluated training; ``fingerprint`` changes if the training is repeated."""

    folder: Path
    record: RunRecord
    metrics: Metrics
    history: list[Epoch]
    fingerprint: str

    def file(self, name: str) -> Path:
        """Return the path of a file of the training.

        Raises UserError if the file is missing, or was changed since.
        """
        return checked_file(self.folder, self.record, name)


def write_run(
    folder: Path,
    store: Store,
    history: Sequence[Epoch],
    events: NDArray[np.int64],
    scores: NDArray[np.float32],
    record: RunRecord,
) -> None:
    """Write all files of a finished training except its weights, and their checksums.

    ``scores`` has those of the ``events`` of the store (see ``run/decision.py``). The weights must
    be in the folder already, because a folder with a record, which is written last, counts as a
    finished training.
    """
    write_history(history, folder / HISTORY_FILE)
    write_predictions(store, events, scores, folder / PREDICTIONS_FILE)
    record.model_copy(update={"files": checksums(folder)}).write(folder / RECORD_FILE)


def read_run(folder: Path) -> RunFolder:
    """Read an evaluated run.

    Raises UserError if one of its files is missing or damaged. The predictions are only compared
    with their checksum (see ``read_predictions``), and the weights are not touched.
    """
    needed = (RECORD_FILE, METRICS_FILE, HISTORY_FILE, PREDICTIONS_FILE)
    if missing := missing_files(folder, needed):
        raise UserError(f"{folder} has no {missing[0]}; train and evaluate this run first")
    record = RunRecord.read(folder / RECORD_FILE)
    checked_file(folder, record, PREDICTIONS_FILE)
    return RunFolder(
        folder=folder,
        record=record,
        metrics=Metrics.read(folder / METRICS_FILE),
        history=read_history(checked_file(folder, record, HISTORY_FILE)),
        fingerprint=_fingerprint(folder),
    )


def store_of(run: RunFolder, folder: Path) -> Store:
    """Open the store in ``folder``, which must be the one that the run was trained on.

    Raises UserError if it is another one, or damaged.
    """
    store = open_store(folder, run.record.fold)
    if store.manifest.events_sha256 != run.record.dataset_sha256:
        raise UserError(
            f"{folder} is not the store that {run.folder} was trained on; train again, or name "
            "the store of the training"
        )
    return store


def _fingerprint(folder: Path) -> str:
    """Return a SHA-256 of the settings and the outcome of a run.

    The record has the time of the training, so a repeated training has a different fingerprint.
    """
    digest = hashlib.sha256()
    for name in (RECORD_FILE, HISTORY_FILE, PREDICTIONS_FILE):
        digest.update((folder / name).read_bytes())
    return digest.hexdigest()
