"""Folders of finished trainings, written with the same classes that train uses."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from calobatch.config.dataset import SPLITS
from calobatch.run.files import HISTORY_FILE, PREDICTIONS_FILE, RECORD_FILE
from calobatch.run.history import write_history
from tests.run.examples import epoch, record

EVENTS = {"train": 700, "validation": 100, "test": 200}


def table_of(score_of: Callable[[np.random.Generator, np.ndarray], np.ndarray]) -> pa.Table:
    """Return predictions of both classes in every split."""
    random = np.random.default_rng(3)
    label = np.arange(sum(EVENTS.values())) % 2
    split = np.repeat(SPLITS, [EVENTS[name] for name in SPLITS])
    return pa.table(
        {
            "event": np.arange(len(label), dtype=np.int64),
            "split": split,
            "label": label.astype(np.uint8),
            "score": score_of(random, label).astype(np.float32),
        }
    )


def gaussian_scores(random: np.random.Generator, label: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(0.5 - label - random.normal(size=len(label))))


@pytest.fixture(scope="session")
def write_run() -> Callable[..., Path]:
    """Return a function that writes a finished training to a folder."""

    def write(
        folder: Path,
        score_of: Callable[[np.random.Generator, np.ndarray], np.ndarray] = gaussian_scores,
        *,
        epochs: int = 4,
        simulated: bool = True,
    ) -> Path:
        folder.mkdir(parents=True)
        history = [epoch(number, 0.7 - 0.1 / number) for number in range(1, epochs + 1)]
        write_history(history, folder / HISTORY_FILE)
        pq.write_table(table_of(score_of), folder / PREDICTIONS_FILE)
        changes = {"simulated": simulated, "epochs_run": epochs, "best_epoch": epochs}
        record().model_copy(update=changes).write(folder / RECORD_FILE)
        return folder

    return write
