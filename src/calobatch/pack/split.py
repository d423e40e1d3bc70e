"""Decide the split of each event: a pure function of labels, groups, shares and seed.

It is stratified by class, unless events such as those of one run are kept together. The parts of
folds are those of ``pack/folds.py``.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from calobatch.config.dataset import Split
from calobatch.errors import UserError

TRAIN, VALIDATION, TEST = range(3)


def assign_splits(
    labels: NDArray[np.floating],
    official_test: NDArray[np.bool_],
    split: Split,
    classes: Sequence[str],
) -> NDArray[np.uint8]:
    """Return the split of each event, shape (events): an index into SPLITS.

    If ``official_test`` is true for some events, these are the test split and ``split.test`` is
    ignored. ``split.validation`` is a share of the events that are not test events. The shares hold
    in each class to within one event. Raises a UserError if a split would have no event of a class.
    """
    if official_test.all():
        raise UserError(
            "by their names, all files are official test files, so no event is left for training; "
            "add other files, or set split: {by: event} for the dataset to divide these events"
        )
    # One generator for all classes, class 0 first: every stored split depends on this order.
    rng = np.random.default_rng(split.seed)
    assigned = np.where(official_test, TEST, TRAIN).astype(np.uint8)
    test_share = 0.0 if official_test.any() else split.test
    for label in range(len(classes)):
        free = rng.permutation(np.flatnonzero((labels == label) & ~official_test))
        tests = round(test_share * len(free))
        validations = round(split.validation * (len(free) - tests))
        assigned[free[:tests]] = TEST
        assigned[free[tests : tests + validations]] = VALIDATION
    check_splits(assigned, labels, split, classes)
    return assigned


def check_groups(groups: NDArray[np.floating], split: Split) -> None:
    """Raise a UserError if one of ``groups``, a number per event, is not finite."""
    if not np.isfinite(groups).all():
        where = int(np.flatnonzero(~np.isfinite(groups))[0])
        raise UserError(
            f"{split.column} is {groups[where]} in event {where} of all files together; correct "
            "it, or choose another column for split"
        )


def assign_groups(
    labels: NDArray[np.floating],
    groups: NDArray[np.floating],
    split: Split,
    classes: Sequence[str],
) -> NDArray[np.uint8]:
    """Return the split of each event, shape (events); events of one group are in the same split.

    ``groups`` has one number per event, such as a run. Groups are drawn at random until the shares
    of ``split`` are reached, so a split can have too many events by up to one group. Raises a
    UserError if a split would have no event of a class.
    """
    names, group = np.unique(groups, return_inverse=True)
    sizes = np.bincount(group)
    order = np.random.default_rng(split.seed).permutation(len(names))
    # The number of events before each group, in the order in which groups are drawn.
    before = np.concatenate([[0], np.cumsum(sizes[order])[:-1]])
    is_test = before < split.test * len(labels)
    tests = sizes[order][is_test].sum()
    is_validation = before - tests < split.validation * (len(labels) - tests)
    of_drawn = np.where(is_test, TEST, np.where(is_validation, VALIDATION, TRAIN))
    of_group = np.empty(len(names), np.uint8)
    of_group[order] = of_drawn
    assigned = of_group[group]
    check_splits(assigned, labels, split, classes)
    return assigned


def check_splits(
    assigned: NDArray[np.uint8],
    labels: NDArray[np.floating],
    split: Split,
    classes: Sequence[str],
) -> None:
    """Raise a UserError if a split, or a part of the folds, has no event of a class."""
    for index, name in enumerate(split.parts):
        for label, of_class in enumerate(classes):
            if not np.any((assigned == index) & (labels == label)):
                raise UserError(
                    f"{split.part_in_words(name)} would have no event of class {label} "
                    f"({of_class}; {len(labels)} events in total); use more events, or change "
                    "split in the scenario"
                )
