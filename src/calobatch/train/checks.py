"""What a training needs before it starts: its ranks, and events of all classes."""

import numpy as np
from numpy.typing import NDArray

from calobatch.config.dataset import SPLITS
from calobatch.config.training import Training
from calobatch.errors import UserError
from calobatch.run.decision import missing_classes
from calobatch.store import Store


def check_ranks(task: str, wanted: int, started: int) -> None:
    """Raise UserError unless as many ranks were started as the task wants."""
    if started != wanted:
        raise UserError(
            f"{task} needs {wanted} ranks, but {started} were started; start it with "
            f"`calobatch launch -n {wanted} calobatch train ...`"
        )


def check_events(
    task: str, settings: Training, store: Store, training_events: NDArray[np.int64]
) -> None:
    """Raise UserError unless each rank has a training event, and each split all classes.

    A class that a split lacks could not be learned, or not be measured.
    """
    number, wanted = len(training_events), settings.training_events
    if wanted and number < wanted:
        raise UserError(
            f"{task}: training_events is {wanted:,}, but the training split has only {number:,} "
            "events; lower training_events, or increase the number of events of the dataset"
        )
    if number < settings.ranks:
        raise UserError(
            f"{task}: {settings.ranks} ranks need at least one training event each, but there are "
            f"only {number}; lower ranks, or use more events"
        )
    for split in SPLITS:
        events = training_events if split == "train" else store.events_of(split)
        missing = missing_classes(store.label[events], len(store.layout.classes))
        if missing:
            names = ", ".join(store.layout.classes[number] for number in missing)
            raise UserError(
                f"{task}: the {split} split has no event of class {names}, but each split needs "
                "all classes; increase the number of events of the dataset, or the fraction of "
                "them in this split"
            )
