"""The history of a training: one line of JSON an epoch."""

from collections.abc import Sequence
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from calobatch.atomic import write_text
from calobatch.errors import reading

HISTORY_FILE = "history.jsonl"


class Epoch(BaseModel):
    """What one epoch gave. ``time`` is the end of it, in seconds since 1970 (UTC)."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    epoch: int  # counted from 1
    time: float
    train_loss: float
    validation_loss: float
    validation_auc: float
    validation_accuracy: float
    learning_rate: float
    seconds: float
    data_seconds: float  # this and the next two: means over ranks, since the last interruption
    compute_seconds: float
    communication_seconds: float
    events_per_second: float


def best_epoch(history: Sequence[Epoch]) -> Epoch:
    """Return the epoch of the highest validation AUC, the earliest if several share it."""
    return max(history, key=lambda epoch: (epoch.validation_auc, -epoch.epoch))


def write_history(history: Sequence[Epoch], path: Path) -> None:
    """Write one line of JSON an epoch."""
    write_text(path, "".join(epoch.model_dump_json() + "\n" for epoch in history))


def read_history(path: Path) -> list[Epoch]:
    """Read what :func:`write_history` wrote; a UserError if it is not whole."""
    with reading(path, "train again"):
        lines = path.read_text(encoding="utf-8").splitlines()
        if not lines:
            raise ValueError("it has no epochs")
        return [Epoch.model_validate_json(line) for line in lines]
