"""What a training needs before it starts: its ranks, and events of all classes."""

from calobatch.config.dataset import SPLITS
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


def check_events(task: str, ranks: int, store: Store) -> None:
    """Raise UserError unless each rank has a training event, and each split all classes.

    A class that a split lacks could not be learned, or not be measured.
    """
    events = len(store.events_of("train"))
    if events < ranks:
        raise UserError(
            f"{task}: {ranks} ranks need at least one training event each, but there are only "
            f"{events}; lower ranks, or use more events"
        )
    for split in SPLITS:
        missing = missing_classes(store.label[store.events_of(split)], len(store.layout.classes))
        if missing:
            names = ", ".join(store.layout.classes[number] for number in missing)
            raise UserError(
                f"{task}: the {split} split has no event of class {names}, but each split needs "
                "all classes; increase the number of events of the dataset, or the fraction of "
                "them in this split"
            )
