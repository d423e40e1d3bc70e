"""A finished training with made-up numbers, and a scenario that it belongs to."""

from pathlib import Path

from calobatch.config.dataset import SPLITS
from calobatch.config.scenario import Scenario
from calobatch.config.training import Training
from calobatch.provenance import Provenance
from calobatch.run.folder import RunFolder
from calobatch.run.history import Epoch
from calobatch.run.metrics import Metrics, SplitMetrics
from calobatch.run.training import RunRecord, Throughput

SETTINGS = {"model": "cnn", "epochs": 2, "batch_size": 64, "learning_rate": 1e-3}


def epoch(number: int, auc: float) -> Epoch:
    return Epoch(
        epoch=number,
        time=1.5 + number,
        train_loss=0.7,
        validation_loss=0.6,
        validation_auc=auc,
        validation_accuracy=0.5,
        learning_rate=1e-3,
        seconds=2.0,
        data_seconds=0.1,
        compute_seconds=1.5,
        communication_seconds=0.4,
        events_per_second=100.0,
    )


def record(seed: int = 5) -> RunRecord:
    return RunRecord(
        task="crops",
        dataset="electron_photon",
        layout="electron_photon",
        simulated=True,
        seed=seed,
        training=Training.model_validate(SETTINGS),
        identity="0" * 64,
        dataset_sha256="1" * 64,
        source_sha256={"raw.hdf5": "2" * 64},
        parameters=10,
        ranks=2,
        device="cpu",
        hosts=("host",),
        started=1.8e9,
        finished=1.8e9 + 4,
        epochs_run=2,
        best_epoch=2,
        resumed_after_epoch=0,
        resumed_at_step=0,
        events_per_second=703.25,
        throughput=Throughput(
            rank_events_per_second=(430.0, 450.0),
            data_seconds=0.2,
            compute_seconds=3.0,
            communication_seconds=0.8,
            peak_memory_mb=500.0,
            gpu_peak_memory_mb=None,
            gpu_utilisation=None,
            gpu_energy_joules=None,
        ),
        provenance=Provenance(
            git_commit="", git_dirty=False, python="3.11", packages={}, host="host"
        ),
    )


def metrics(seed: int = 5) -> Metrics:
    """Return metrics in which every split and every number differs."""
    splits = {
        name: SplitMetrics(
            events=100 + number,
            auc=0.7 + number / 1000 + seed / 1e5,
            auc_low=0.65 + number / 1000,
            auc_high=0.75 + number / 1000,
            accuracy=0.6123456789 + number / 1000,
            average_precision=0.7,
            log_loss=0.6,
            rejection_at_50=None,
            rejection_at_70=3.0,
            calibration_error=0.02,
            confusion=((40, 10), (15, 35 + number)),
        )
        for number, name in enumerate(SPLITS)
    }
    return Metrics(task="crops", seed=seed, confidence=0.95, bootstrap_samples=500, splits=splits)


def run_folder(folder: Path, seed: int) -> RunFolder:
    """Return a run as ``read_run`` would, without any files."""
    history = [epoch(1, 0.6), epoch(2, 0.7)]
    return RunFolder(folder, record(seed), metrics(seed), history, fingerprint="3" * 64)


def scenario(reference_auc: dict[str, float]) -> Scenario:
    return Scenario.model_validate(
        {
            "name": "tests",
            "title": "For the tests",
            "datasets": {"electron_photon": {"source": "simulate", "events": 200}},
            "tasks": {
                "crops": SETTINGS
                | {"title": "A task", "dataset": "electron_photon", "reference_auc": reference_auc}
            },
            "seeds": [5, 6],
        }
    )
