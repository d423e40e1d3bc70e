"""Divide the events into the parts of the folds, with the splitters of scikit-learn."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from sklearn.model_selection import StratifiedGroupKFold, StratifiedKFold

from calobatch.config.dataset import Split
from calobatch.errors import UserError
from calobatch.pack.split import check_splits


def assign_folds(
    labels: NDArray[np.floating],
    groups: NDArray[np.floating] | None,
    split: Split,
    classes: Sequence[str],
) -> NDArray[np.uint8]:
    """Return the part of each event, shape (events): an index into ``split.parts``.

    All parts have the same fraction of each class, to within one event. With ``groups``, one number
    per event such as a run, the events of a group are in the same part, and the fractions agree as
    well as the groups allow. Raises a UserError if there are fewer groups, or fewer events of a
    class, than parts, or if a part would have no event of a class.
    """
    parts = len(split.parts)
    _check_enough(labels, groups, split, classes)
    kind = StratifiedKFold if groups is None else StratifiedGroupKFold
    splitter = kind(parts, shuffle=True, random_state=split.seed)
    assigned = np.empty(len(labels), np.uint8)
    # The splitters look at the number of events only, not at what is in their first argument.
    for part, (_, tested) in enumerate(splitter.split(np.empty(len(labels)), labels, groups)):
        assigned[tested] = part
    check_splits(assigned, labels, split, classes)
    return assigned


def _check_enough(
    labels: NDArray[np.floating],
    groups: NDArray[np.floating] | None,
    split: Split,
    classes: Sequence[str],
) -> None:
    parts = len(split.parts)
    for number, name in enumerate(classes):
        if (events := int(np.sum(labels == number))) < parts:
            raise UserError(
                f"{split.folds} folds need at least {parts} events of each class, but class "
                f"{number} ({name}) has {events}; use more events, or fewer folds"
            )
    if groups is not None and (found := len(np.unique(groups))) < parts:
        raise UserError(
            f"{split.folds} folds need at least {parts} different numbers in {split.column}, but "
            f"the files have {found}; use fewer folds, or another column"
        )
