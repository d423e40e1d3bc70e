"""metrics.json: how well one training did, split by split."""

from pathlib import Path

from pydantic import BaseModel, ConfigDict

from calobatch.errors import reading

METRICS_FILE = "metrics.json"


class SplitMetrics(BaseModel):
    """The metrics of one split. Class 1 (electron, quark) is the signal, class 0 background.

    ``rejection_at_50`` is 1 / background efficiency at 50 % signal efficiency; None if no
    background event is left. ``confusion`` is ((true 0 called 0, called 1), (true 1 called 0,
    called 1)) at a score of 0.5.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

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


class Metrics(BaseModel):
    """The metrics of one training. The interval of the AUC is the central ``confidence``."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    task: str
    seed: int
    confidence: float
    bootstrap_samples: int
    splits: dict[str, SplitMetrics]


def read_metrics(folder: Path) -> Metrics:
    """Read the metrics of the run in ``folder``; a UserError if they are not whole."""
    path = folder / METRICS_FILE
    with reading(path, "run `calobatch evaluate` again"):
        return Metrics.model_validate_json(path.read_text(encoding="utf-8"))
