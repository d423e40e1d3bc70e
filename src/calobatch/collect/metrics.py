"""The metrics of a training in MLflow.

A name is a group and a quantity, such as test/auc, because MLflow's page shows the charts of a
group together. The quantities of a split have the names that they have in metrics.json, and those
of an epoch the names in history.jsonl. MLflow shows the group system on a tab of its own.
"""

from collections.abc import Sequence
from statistics import mean

from mlflow.entities import Metric

from calobatch.collect.tags import allowed
from calobatch.run.ensemble import EnsembleFolder
from calobatch.run.folder import RunFolder
from calobatch.run.folds import Folds, fold_metrics
from calobatch.run.history import EPOCH_METRICS, Epoch
from calobatch.run.metrics import Metrics

NOT_ONE_NUMBER = {"confusion", "classes", "pairs"}
# Fields of Throughput that MLflow gets if they were measured.
MEASURES_OF_USE = {"peak_memory_mb", "gpu_peak_memory_mb", "gpu_utilisation", "gpu_energy_joules"}


def epoch_metrics(history: Sequence[Epoch]) -> list[Metric]:
    """Return what a history has about each epoch, at the time when the epoch ended."""
    return [
        Metric(f"epoch/{name}", float(value), round(epoch.time * 1000), epoch.epoch)
        for epoch in history
        for name in EPOCH_METRICS
        if (value := getattr(epoch, name)) is not None
    ]


def final_metrics(run: RunFolder, model_id: str | None = None) -> list[Metric]:
    """Return the metrics of all splits, and the speed and the resources of the training.

    MLflow shows them also on the page of the model ``model_id``.
    """
    finished, step = round(run.record.finished * 1000), run.record.epochs_run
    speed = run.record.throughput
    values = {
        "model/best_epoch": float(run.record.best_epoch),
        "model/parameters": float(run.record.parameters),
        "speed/events_per_second": run.record.events_per_second,
        "speed/slowest_rank_events_per_second": min(speed.rank_events_per_second),
        # Not finished - started, which also has the time in which a training that was stopped
        # waited to be resumed.
        "speed/training_seconds": sum(epoch.seconds for epoch in run.history),
    }
    values |= {f"speed/{phase}_share": share for phase, share in speed.shares.items()}
    for name, used in speed.model_dump(include=MEASURES_OF_USE).items():
        if used is not None:
            values[f"system/{name}"] = used
    values |= _of_splits(run.metrics)
    return [
        Metric(name, value, finished, step, model_id=model_id) for name, value in values.items()
    ]


def _of_splits(metrics: Metrics) -> dict[str, float]:
    values = {}
    for split, measured in metrics.splits.items():
        for name, value in measured.model_dump(exclude=NOT_ONE_NUMBER).items():
            if value is not None:
                values[f"{split}/{name}"] = float(value)
        for of_class, found in measured.classes.items():
            values[f"{split}/auc_{allowed(of_class)}"] = found.auc
        for pair in measured.pairs:
            names = f"{allowed(pair.first)}_{allowed(pair.second)}"
            values[f"{split}/auc_{names}"] = pair.auc
    return values


def metrics_of_ensemble(ensemble: EnsembleFolder, finished: int) -> list[Metric]:
    """Return the metrics of all splits and the temperature; ``finished`` is their time, in ms."""
    values = _of_splits(ensemble.metrics) | {
        "model/parameters": float(ensemble.parameters),
        "model/temperature": ensemble.record.temperature,
        "speed/events_per_second": ensemble.events_per_second,
    }
    return [Metric(name, value, finished, 0) for name, value in values.items()]


def metrics_of_folds(folds: Folds, finished: int) -> list[Metric]:
    """Return the test metrics of all folds together; ``finished`` is their time, in ms."""
    values = fold_metrics(folds)._asdict()
    return [Metric(f"test/{name}", float(value), finished, 0) for name, value in values.items()]


def metrics_of_scenario(
    runs: Sequence[RunFolder], ensembles: Sequence[EnsembleFolder], finished: int
) -> list[Metric]:
    """Return the test AUC of each ensemble and of each task, the mean over its runs.

    ``finished`` is their time, in ms.
    """
    aucs: dict[str, list[float]] = {}
    for run in runs:
        aucs.setdefault(run.record.task, []).append(run.metrics.splits["test"].auc)
    for ensemble in ensembles:
        aucs[ensemble.record.name] = [ensemble.metrics.splits["test"].auc]
    return [Metric(f"test_auc/{task}", mean(values), finished, 0) for task, values in aucs.items()]
