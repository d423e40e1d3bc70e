"""Compute all metrics of one split from its predictions."""

import itertools
from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import (
    accuracy_score,
    average_precision_score,
    confusion_matrix,
    roc_auc_score,
    roc_curve,
)

from calobatch.evaluate.calibration import calibration_error
from calobatch.run.auc import against_others, auc, mean_auc
from calobatch.run.bootstrap import auc_interval, auc_intervals, effective_events
from calobatch.run.decision import called_class, log_loss, number_of_classes
from calobatch.run.metrics import ClassMetrics, PairMetrics, SplitMetrics
from calobatch.run.predictions import Predictions

CONFIDENCE = 0.95
BOOTSTRAP_SAMPLES = 500


def measure(predictions: Predictions, classes: Sequence[str]) -> SplitMetrics:
    """Return the metrics of the predictions of a split. All classes must be present.

    ``classes`` are their names.
    """
    if predictions.score.ndim == 1:
        return _of_two(predictions)
    return _of_many(predictions, classes)


def _of_two(predictions: Predictions) -> SplitMetrics:
    label, score, weight = predictions
    low, high = auc_interval(label, score, weight, samples=BOOTSTRAP_SAMPLES, confidence=CONFIDENCE)
    return SplitMetrics(
        events=len(label),
        effective_events=_effective_events(weight),
        auc=roc_auc_score(label, score, sample_weight=weight),
        auc_low=low,
        auc_high=high,
        accuracy=accuracy_score(label, called_class(score), sample_weight=weight),
        average_precision=average_precision_score(label, score, sample_weight=weight),
        log_loss=log_loss(label, score, weight),
        rejection_at_50=background_rejection(predictions, 0.5),
        rejection_at_70=background_rejection(predictions, 0.7),
        calibration_error=calibration_error(label, score, weight),
        confusion=_confusion(predictions),
    )


def _of_many(predictions: Predictions, classes: Sequence[str]) -> SplitMetrics:
    label, score, weight = predictions
    mean, each = auc_intervals(
        label, score, weight, samples=BOOTSTRAP_SAMPLES, confidence=CONFIDENCE
    )
    of_class = {}
    for number, (name, (low, high)) in enumerate(zip(classes, each, strict=True)):
        is_class = against_others(label, number)
        of_class[name] = ClassMetrics(
            auc=auc(is_class, score[:, number], weight),
            auc_low=low,
            auc_high=high,
            average_precision=average_precision_score(
                is_class, score[:, number], sample_weight=weight
            ),
        )
    called = called_class(score)
    return SplitMetrics(
        events=len(label),
        effective_events=_effective_events(weight),
        auc=mean_auc(label, score, weight),
        auc_low=mean[0],
        auc_high=mean[1],
        accuracy=accuracy_score(label, called, sample_weight=weight),
        average_precision=float(np.mean([found.average_precision for found in of_class.values()])),
        log_loss=log_loss(label, score, weight),
        rejection_at_50=None,
        rejection_at_70=None,
        # As of two classes: whether the probability of the predicted class is its frequency.
        calibration_error=calibration_error(
            (called == label).astype(np.uint8), score.max(axis=1), weight
        ),
        confusion=_confusion(predictions),
        classes=of_class,
        pairs=tuple(_pair(predictions, classes, *pair) for pair in _pairs(len(classes))),
    )


def _effective_events(weight: NDArray[np.float64] | None) -> float | None:
    return None if weight is None else effective_events(np.arange(len(weight)), weight)


def _pairs(classes: int) -> Iterator[tuple[int, int]]:
    return itertools.combinations(range(classes), 2)


def _pair(predictions: Predictions, classes: Sequence[str], first: int, second: int) -> PairMetrics:
    label, score, weight = predictions
    of_pair = (label == first) | (label == second)
    is_second = against_others(label[of_pair], second)
    of_first, of_second = score[of_pair, first], score[of_pair, second]
    # If both probabilities are zero, the event says nothing about the pair.
    total = of_first + of_second
    ratio = np.divide(of_second, total, out=np.full_like(total, 0.5), where=total > 0)
    own = None if weight is None else weight[of_pair]
    low, high = auc_interval(
        is_second, ratio, own, samples=BOOTSTRAP_SAMPLES, confidence=CONFIDENCE
    )
    return PairMetrics(
        first=classes[first],
        second=classes[second],
        auc=auc(is_second, ratio, own),
        auc_low=low,
        auc_high=high,
    )


def _confusion(predictions: Predictions) -> tuple[tuple[int | float, ...], ...]:
    label, score, weight = predictions
    counts = confusion_matrix(
        label,
        called_class(score),
        labels=list(range(number_of_classes(score))),
        sample_weight=weight,
    )
    return tuple(tuple(row) for row in counts.tolist())


def background_rejection(predictions: Predictions, signal_efficiency: float) -> float | None:
    """Return 1 / background efficiency at the cut that has the given ``signal_efficiency``.

    Between two points of the ROC curve the background efficiency is interpolated linearly. Returns
    None if no background event passes the cut.
    """
    label, score, weight = predictions
    false_positive_rate, true_positive_rate, _ = roc_curve(label, score, sample_weight=weight)
    # Several points of the curve can have this signal efficiency. searchsorted finds the first of
    # them, which is the tightest cut.
    reached = int(np.searchsorted(true_positive_rate, signal_efficiency))
    segment = slice(reached - 1, reached + 1)
    background_efficiency = np.interp(
        signal_efficiency, true_positive_rate[segment], false_positive_rate[segment]
    )
    return float(1 / background_efficiency) if background_efficiency > 0 else None
