"""Compute the metrics and draw the plots of a finished training from its predictions."""

from pathlib import Path

import numpy as np

from calobatch.errors import UserError
from calobatch.evaluate.measure import BOOTSTRAP_SAMPLES, CONFIDENCE, measure
from calobatch.evaluate.plots import draw_plots
from calobatch.progress import Progress
from calobatch.run.files import (
    HISTORY_FILE,
    METRICS_FILE,
    PREDICTIONS_FILE,
    RECORD_FILE,
    missing_files,
)
from calobatch.run.history import read_history
from calobatch.run.kept import forget_kept_run
from calobatch.run.metrics import Metrics, SplitMetrics
from calobatch.run.predictions import Predictions, read_predictions
from calobatch.run.training import RunRecord


def evaluate(folder: Path) -> Metrics:
    """Write the metrics and the plots of the finished training in ``folder``; return the metrics.

    Raises UserError if no training has finished in the folder, if a file in it is damaged, or if a
    split lacks a class or has scores that are not probabilities.
    """
    if missing := missing_files(folder, (RECORD_FILE, HISTORY_FILE, PREDICTIONS_FILE)):
        raise UserError(
            f"{folder} has no {', '.join(missing)}, so no training has finished there; name the "
            "folder of a finished training, or run `calobatch train` first"
        )
    record = RunRecord.read(folder / RECORD_FILE)
    history = read_history(folder / HISTORY_FILE)
    predictions = read_predictions(folder / PREDICTIONS_FILE)
    for split, content in predictions.items():
        _check(content, f"the {split} split of {folder / PREDICTIONS_FILE}")
    metrics = Metrics(
        task=record.task,
        seed=record.seed,
        confidence=CONFIDENCE,
        bootstrap_samples=BOOTSTRAP_SAMPLES,
        splits=_measure_all(predictions, f"evaluate {record.task} seed {record.seed}"),
    )
    # The metrics are written last, so that a folder with metrics also has all plots.
    draw_plots(record, history, predictions, metrics, folder)
    metrics.write(folder / METRICS_FILE)
    forget_kept_run(folder)
    return metrics


def _check(predictions: Predictions, where: str) -> None:
    classes = np.unique(predictions.label).tolist()
    if classes != [0, 1]:
        found = f"only class {classes[0]}" if classes else "no events"
        raise UserError(
            f"{where} has {found}, but metrics need both classes; increase the number of events "
            "of the dataset, or the fraction of them in this split"
        )
    if not np.all((predictions.score >= 0) & (predictions.score <= 1)):
        raise UserError(
            f"{where} has scores that are not probabilities, because the training diverged; "
            "lower its learning_rate and train again"
        )


def _measure_all(predictions: dict[str, Predictions], label: str) -> dict[str, SplitMetrics]:
    events = sum(len(content.label) for content in predictions.values())
    metrics = {}
    with Progress(label, total=events, unit="events") as progress:
        for split, (labels, scores) in predictions.items():
            metrics[split] = measure(labels, scores)
            progress.advance(len(labels))
    return metrics
