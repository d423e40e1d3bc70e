"""Folders of finished trainings, written through the same models as the training's own."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from calobatch.atomic import write_text
from calobatch.config.models import SPLITS, Training
from calobatch.provenance import Provenance
from calobatch.run.history import Epoch, write_history
from calobatch.run.training import RunRecord, Throughput

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


def _history(epochs: int) -> list[Epoch]:
    return [
        Epoch(
            epoch=number,
            time=1.8e9 + number,
            train_loss=0.6 + 0.1 / number,
            validation_loss=0.62 + 0.1 / number,
            validation_auc=0.7 - 0.1 / number,
            validation_accuracy=0.6,
            learning_rate=1e-3,
            seconds=1.0,
            data_seconds=0.1,
            compute_seconds=0.7,
            communication_seconds=0.2,
            events_per_second=700.0,
        )
        for number in range(1, epochs + 1)
    ]


def _record(epochs: int, simulated: bool) -> RunRecord:
    return RunRecord(
        task="electron_photon_cnn",
        dataset="electron_photon",
        layout="electron_photon",
        simulated=simulated,
        seed=5,
        training=Training(model="cnn", epochs=epochs, batch_size=64, learning_rate=1e-3),
        identity="0" * 64,
        dataset_sha256="1" * 64,
        source_sha256={},
        parameters=10,
        ranks=2,
        device="cpu",
        hosts=("host",),
        started=1.8e9,
        finished=1.8e9 + epochs,
        epochs_run=epochs,
        best_epoch=epochs,
        resumed_after_epoch=0,
        resumed_at_step=0,
        events_per_second=700.0,
        throughput=Throughput(
            rank_events_per_second=(430.0, 450.0),
            data_seconds=0.1 * epochs,
            compute_seconds=0.7 * epochs,
            communication_seconds=0.2 * epochs,
            peak_memory_mb=500.0,
            gpu_peak_memory_mb=None,
            gpu_utilisation=None,
            gpu_energy_joules=None,
        ),
        provenance=Provenance(
            git_commit="", git_dirty=False, python="3.11", packages={}, host="host"
        ),
    )


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
        write_history(_history(epochs), folder / "history.jsonl")
        pq.write_table(table_of(score_of), folder / "predictions.parquet")
        write_text(folder / "run.json", _record(epochs, simulated).model_dump_json(indent=2))
        return folder

    return write
