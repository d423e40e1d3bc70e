"""What one training is doing, as far as its files say."""

import time
from enum import StrEnum
from itertools import pairwise
from pathlib import Path
from statistics import median
from typing import NamedTuple

from calobatch.errors import UserError
from calobatch.run.files import (
    CHECKPOINT_FOLDER,
    HISTORY_FILE,
    LOCK_FILE,
    METRICS_FILE,
    RECORD_FILE,
)
from calobatch.run.history import Epoch, read_history
from calobatch.run.metrics import Metrics
from calobatch.run.name import RunName


class State(StrEnum):
    """What a training is doing."""

    WAITING = "waiting"
    TRAINING = "training"
    SILENT = "silent"
    TRAINED = "trained"
    FINISHED = "finished"


class Training(NamedTuple):
    """A training at one moment.

    ``history`` has the epochs so far, ``silence`` is the time in seconds since the last sign of
    life, ``holder`` names the process that trains, and ``test_auc`` is None until the run has been
    evaluated.
    """

    name: RunName
    epochs: int
    state: State
    history: tuple[Epoch, ...] = ()
    silence: float = 0.0
    holder: str = ""
    test_auc: float | None = None

    @property
    def seconds_left(self) -> float | None:
        """About how long the epochs that are left will take; None if that is not known yet."""
        if self.state is not State.TRAINING or not self.history:
            return None
        # An epoch and its validation take the time between two ends. After a break that time is
        # longer, so this is the median.
        ends = [epoch.time for epoch in self.history]
        times = [end - start for start, end in pairwise(ends)] or [self.history[0].seconds]
        return max((self.epochs - len(self.history)) * median(times) - self.silence, 0.0)


def look(name: RunName, folder: Path, log: Path, epochs: int, silent_after: float) -> Training:
    """Return what the training whose run is in ``folder`` is doing.

    ``epochs`` is the number of epochs of its settings. A training counts as silent if neither its
    log nor its history has changed for ``silent_after`` seconds.
    """
    if (folder / RECORD_FILE).exists():
        return _finished(name, folder, epochs)
    history_file = folder / CHECKPOINT_FOLDER / HISTORY_FILE
    signs = [file.stat().st_mtime for file in (history_file, log) if file.exists()]
    if not signs:
        return Training(name, epochs, State.WAITING)
    # The clocks of two machines may differ by a little.
    silence = max(time.time() - max(signs), 0.0)
    state = State.SILENT if silence > silent_after else State.TRAINING
    lock = folder / LOCK_FILE
    holder = lock.read_text(encoding="utf-8").strip() if lock.exists() else ""
    return Training(name, epochs, state, _epochs_in(history_file), silence, holder)


def _finished(name: RunName, folder: Path, epochs: int) -> Training:
    history = _epochs_in(folder / HISTORY_FILE)
    if not (folder / METRICS_FILE).exists():
        return Training(name, epochs, State.TRAINED, history)
    test = Metrics.read(folder / METRICS_FILE).splits["test"]
    return Training(name, epochs, State.FINISHED, history, test_auc=test.auc)


def _epochs_in(file: Path) -> tuple[Epoch, ...]:
    """Return the epochs of a history; none if it is not there yet, or has just been moved."""
    try:
        return tuple(read_history(file))
    except UserError:
        return ()
