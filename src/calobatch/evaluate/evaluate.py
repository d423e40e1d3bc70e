"""Compute the metrics and draw the plots of a training, or of an ensemble, from its predictions."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from calobatch.errors import UserError
from calobatch.evaluate.measure import BOOTSTRAP_SAMPLES, CONFIDENCE, measure
from calobatch.evaluate.plots import draw_plots
from calobatch.progress import Progress
from calobatch.run.checked import checked_file
from calobatch.run.decision import missing_classes, number_of_classes
from calobatch.run.files import (
    HISTORY_FILE,
    METRICS_FILE,
    PREDICTIONS_FILE,
    RECORD_FILE,
    missing_files,
)
from calobatch.run.history import Epoch, read_history
from calobatch.run.kept import forget_kept_run
from calobatch.run.metrics import Metrics, SplitMetrics
from calobatch.run.predictions import Predictions, read_predictions
from calobatch.run.predictor import Predictor, is_ensemble, read_predictor
from calobatch.run.training import RunRecord
from calobatch.words import counted


def evaluate(folder: Path) -> Metrics:
    """Write the metrics and plots of the training or ensemble in ``folder``; return the metrics.

    Raises UserError if nothing has finished in the folder, if a file in it is damaged, or if a
    split lacks a class or has scores that are not probabilities.
    """
    record, history = _outcome(folder)
    if isinstance(record, RunRecord):
        name, task, seed, fold = str(record.name), record.task, record.seed, record.fold
        title = f"{task}, {record.name.number}"
    else:
        name, task, seed, fold = record.name, record.name, None, None
        title = f"{name}, mean of {counted(len(record.members), 'training')}"
    predictions = read_predictions(checked_file(folder, record, PREDICTIONS_FILE))
    for split, content in predictions.items():
        _check(content, record.layout.classes, f"the {split} split of {folder / PREDICTIONS_FILE}")
    metrics = Metrics(
        task=task,
        seed=seed,
        fold=fold,
        confidence=CONFIDENCE,
        bootstrap_samples=BOOTSTRAP_SAMPLES,
        splits=_measure_all(predictions, record.layout.classes, f"evaluate {name}"),
    )
    # The metrics are written last, so that a folder with metrics also has all plots.
    draw_plots(title, record, history, predictions, metrics, folder)
    metrics.write(folder / METRICS_FILE)
    forget_kept_run(folder)
    return metrics


def _outcome(folder: Path) -> tuple[Predictor, list[Epoch]]:
    """Return the record in ``folder`` and the history, which only a training has."""
    missing = missing_files(folder, (RECORD_FILE, HISTORY_FILE, PREDICTIONS_FILE))
    if missing and not is_ensemble(folder):
        raise UserError(
            f"{folder} has no {', '.join(missing)}, so no training has finished there; name the "
            "folder of a finished training, or run `calobatch train` first"
        )
    record = read_predictor(folder)
    if isinstance(record, RunRecord):
        return record, read_history(checked_file(folder, record, HISTORY_FILE))
    return record, []


def _check(predictions: Predictions, classes: Sequence[str], where: str) -> None:
    label, score, weight = predictions
    if number_of_classes(score) != len(classes):
        raise UserError(
            f"{where} has scores of {number_of_classes(score)} classes, but the training had "
            f"{len(classes)}; train again"
        )
    if missing := missing_classes(label, len(classes)):
        names = ", ".join(classes[number] for number in missing)
        raise UserError(
            f"{where} has no event of class {names}, but metrics need all classes; increase the "
            "number of events of the dataset, or the fraction of them in this split"
        )
    if label.max() >= len(classes):
        raise UserError(f"{where} has an event of unknown class {label.max()}; train again")
    for number, name in enumerate(classes):
        if weight is not None and not weight[label == number].any():
            raise UserError(f"{where} has only weights of 0 for class {name}; train again")
    if not np.all((score >= 0) & (score <= 1)):
        raise UserError(
            f"{where} has scores that are not probabilities, because the training diverged; "
            "lower its learning_rate and train again"
        )


def _measure_all(
    predictions: dict[str, Predictions], classes: Sequence[str], label: str
) -> dict[str, SplitMetrics]:
    events = sum(len(content.label) for content in predictions.values())
    metrics = {}
    with Progress(label, total=events, unit="events") as progress:
        for split, content in predictions.items():
            metrics[split] = measure(content, classes)
            progress.advance(len(content.label))
    return metrics
