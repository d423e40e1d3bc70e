"""Compute all metrics of one split from its labels and scores."""

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import (
    accuracy_score,
    average_precision_score,
    confusion_matrix,
    roc_auc_score,
    roc_curve,
)

from calobatch.evaluate.bootstrap import auc_interval
from calobatch.evaluate.calibration import calibration_error
from calobatch.run.decision import called_signal, log_loss
from calobatch.run.metrics import SplitMetrics

CONFIDENCE = 0.95
BOOTSTRAP_SAMPLES = 500


def measure(label: NDArray[np.uint8], score: NDArray[np.float32]) -> SplitMetrics:
    """Return the metrics of (events) labels and scores. Both classes must be present."""
    called = called_signal(score).astype(np.uint8)
    low, high = auc_interval(label, score, samples=BOOTSTRAP_SAMPLES, confidence=CONFIDENCE)
    (true_0_called_0, true_0_called_1), (true_1_called_0, true_1_called_1) = confusion_matrix(
        label, called, labels=[0, 1]
    ).tolist()
    return SplitMetrics(
        events=len(label),
        auc=roc_auc_score(label, score),
        auc_low=low,
        auc_high=high,
        accuracy=accuracy_score(label, called),
        average_precision=average_precision_score(label, score),
        log_loss=log_loss(label, score),
        rejection_at_50=background_rejection(label, score, 0.5),
        rejection_at_70=background_rejection(label, score, 0.7),
        calibration_error=calibration_error(label, score),
        confusion=((true_0_called_0, true_0_called_1), (true_1_called_0, true_1_called_1)),
    )


def background_rejection(
    label: NDArray[np.uint8], score: NDArray[np.float32], signal_efficiency: float
) -> float | None:
    """Return 1 / background efficiency at the cut that has the given ``signal_efficiency``.

    Between two points of the ROC curve the background efficiency is interpolated linearly. Returns
    None if no background event passes the cut.
    """
    false_positive_rate, true_positive_rate, _ = roc_curve(label, score)
    # Several points of the curve can have this signal efficiency. searchsorted finds the first of
    # them, which is the tightest cut.
    reached = int(np.searchsorted(true_positive_rate, signal_efficiency))
    segment = slice(reached - 1, reached + 1)
    background_efficiency = np.interp(
        signal_efficiency, true_positive_rate[segment], false_positive_rate[segment]
    )
    return float(1 / background_efficiency) if background_efficiency > 0 else None
