"""metrics.json: the metrics of one training, or of an ensemble of them, on each split."""

from typing import ClassVar

from pydantic import Field

from calobatch.record import Record


class ClassMetrics(Record):
    """How well one of several classes is told from all others."""

    auc: float
    auc_low: float
    auc_high: float
    average_precision: float


class PairMetrics(Record):
    """How well two of several classes are told apart, by P(second) / (P(first) + P(second))."""

    first: str
    second: str
    auc: float
    auc_low: float
    auc_high: float


class SplitMetrics(Record):
    """The metrics of one split. Of two classes, class 1 is the signal and class 0 the background.

    Of more classes, ``auc`` and ``average_precision`` are the means over the classes, each against
    all others, ``calibration_error`` is that of the predicted class, and there is no rejection;
    ``classes`` and ``pairs`` say more. ``log_loss`` is in nats. ``rejection_at_50`` is 1 /
    background efficiency at 50 % signal efficiency; it is None if no background event passes.
    ``confusion`` has numbers of events, one row per true class and one column per predicted class
    (see ``run/decision.py``).

    If events have weights, all of these count events with their weights, and ``confusion`` has sums
    of weights. ``effective_events`` is then the number of events without weights that would give
    the same statistical precision, (sum of weights)^2 / (sum of squared weights) (Kish, Survey
    Sampling, 1965, section 11.7); without weights it is None. ``events`` is always their number.
    """

    events: int
    effective_events: float | None = Field(None, exclude_if=lambda events: events is None)
    auc: float
    auc_low: float
    auc_high: float
    accuracy: float
    average_precision: float
    log_loss: float
    rejection_at_50: float | None
    rejection_at_70: float | None
    calibration_error: float
    confusion: tuple[tuple[int | float, ...], ...]
    # By name, in the order of the layout. Empty with two classes.
    classes: dict[str, ClassMetrics] = Field(
        default_factory=dict, exclude_if=lambda found: not found
    )
    pairs: tuple[PairMetrics, ...] = Field((), exclude_if=lambda found: not found)


class Metrics(Record):
    """The metrics of one training, or of an ensemble, which is called ``task`` and has no seed.

    ``confidence`` is the coverage of the interval from ``auc_low`` to ``auc_high``, found with
    ``bootstrap_samples`` replicas.
    """

    fix: ClassVar[str] = "run `calobatch evaluate` again"

    task: str
    seed: int | None
    fold: int | None = Field(None, exclude_if=lambda fold: fold is None)
    confidence: float
    bootstrap_samples: int
    splits: dict[str, SplitMetrics]
