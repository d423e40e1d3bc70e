"""The mark of a training that finished but has learned nothing."""

from math import log
from typing import Literal

from calobatch.run.history import Epoch

Mark = Literal["", "constant scores", "exploded loss"]

# A sound training with an AUC as low as this has a loss near ln K, that of a model for which all K
# classes are equally probable. An overfitted model may have a higher loss, but also has a higher
# AUC.
HIGHEST_AUC = 0.6
LOWEST_LOSS = 3.0  # times ln K
MEANINGS: dict[Mark, str] = {
    "constant scores": "every event has the same score, so the model has stopped learning (its "
    "units may be dead)",
    "exploded loss": "the loss is far above that of a model that guesses, and the AUC is "
    "near 0.5, so the training has diverged",
}


def mark_of(
    *, train_loss: float, validation_loss: float, auc: float, constant: bool, classes: int = 2
) -> Mark:
    """Return the mark of a model, or "" if nothing is wrong.

    Losses are in nats, ``auc`` is that of the validation split, and ``constant`` says whether all
    events have the same score.
    """
    if constant:
        return "constant scores"
    if max(train_loss, validation_loss) > LOWEST_LOSS * log(classes) and auc < HIGHEST_AUC:
        return "exploded loss"
    return ""


def mark_of_epoch(epoch: Epoch, classes: int, *, constant: bool) -> Mark:
    """Return the mark of a model after ``epoch``, or "" if nothing is wrong."""
    return mark_of(
        train_loss=epoch.train_loss,
        validation_loss=epoch.validation_loss,
        auc=epoch.validation_auc,
        constant=constant,
        classes=classes,
    )
