"""metrics.json: the metrics of one training on each split."""

from typing import ClassVar

from calobatch.record import Record


class SplitMetrics(Record):
    """The metrics of one split. Class 1 (electron, quark) is the signal, class 0 the background.

    ``log_loss`` is in nats. ``rejection_at_50`` is 1 / background efficiency at 50 % signal
    efficiency; it is None if no background event passes. ``confusion`` has numbers of events, one
    row per true class and one column per predicted class (see ``run/decision.py``).
    """

    events: int
    auc: float
    auc_low: float
    auc_high: float
    accuracy: float
    average_precision: float
    log_loss: float
    rejection_at_50: float | None
    rejection_at_70: float | None
    calibration_error: float
    confusion: tuple[tuple[int, int], tuple[int, int]]


class Metrics(Record):
    """The metrics of one training.

    ``confidence`` is the coverage of the interval from ``auc_low`` to ``auc_high``, found with
    ``bootstrap_samples`` replicas.
    """

    fix: ClassVar[str] = "run `calobatch evaluate` again"

    task: str
    seed: int
    confidence: float
    bootstrap_samples: int
    splits: dict[str, SplitMetrics]
