"""history.jsonl: one line of JSON per epoch of a training."""

from collections.abc import Sequence
from pathlib import Path

from calobatch.atomic import write_text
from calobatch.errors import reading
from calobatch.record import Record


class Epoch(Record):
    """The results of one epoch. ``time`` is when it ended, in seconds since 1970 (UTC)."""

    epoch: int  # counted from 1
    time: float
    train_loss: float
    validation_loss: float
    validation_auc: float
    validation_accuracy: float
    learning_rate: float  # in the last step
    seconds: float  # of the training steps, without the validation
    # Means over the ranks. If the training was resumed within this epoch, only the time after that.
    data_seconds: float
    compute_seconds: float
    communication_seconds: float
    events_per_second: float
    # Histories of version 0.2 do not have the following values.
    gradient_norm: float | None = None  # mean over the steps, before the limit of clip_gradients
    weight_norm: float | None = None  # of the weights that were validated
    skipped_steps: int = 0  # see skip_bad_steps


# The fields that are measured in each epoch, in the order in which MLflow gets them.
EPOCH_METRICS = tuple(name for name in Epoch.model_fields if name not in ("epoch", "time"))


def best_epoch(history: Sequence[Epoch]) -> Epoch:
    """Return the epoch with the highest validation AUC.

    Among several such epochs, the lowest validation loss decides, and then the earliest epoch.
    """
    return max(history, key=lambda e: (e.validation_auc, -e.validation_loss, -e.epoch))


def write_history(history: Sequence[Epoch], path: Path) -> None:
    """Write one line of JSON per epoch, either the whole file or nothing."""
    write_text(path, "".join(epoch.model_dump_json() + "\n" for epoch in history))


def read_history(path: Path) -> list[Epoch]:
    """Return all epochs of a history. Raises UserError if the file is missing, empty or damaged."""
    with reading(path, "train again"):
        lines = path.read_text(encoding="utf-8").splitlines()
        if not lines:
            raise ValueError("it has no epochs")
        return [Epoch.model_validate_json(line) for line in lines]
