"""Decide the split: stratified by class, and a pure function of labels, shares and seed."""

import numpy as np
from numpy.typing import NDArray

from calobatch.config.models import SPLITS, Split
from calobatch.errors import UserError

TRAIN, VALIDATION, TEST = range(3)


def assign_splits(
    labels: NDArray[np.floating], official_test: NDArray[np.bool_], split: Split
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
    # One generator for both classes, class 0 first: every stored split depends on this order.
    rng = np.random.default_rng(split.seed)
    assigned = np.where(official_test, TEST, TRAIN).astype(np.uint8)
    test_share = 0.0 if official_test.any() else split.test
    for label in (0.0, 1.0):
        free = rng.permutation(np.flatnonzero((labels == label) & ~official_test))
        tests = round(test_share * len(free))
        validations = round(split.validation * (len(free) - tests))
        assigned[free[:tests]] = TEST
        assigned[free[tests : tests + validations]] = VALIDATION
    _check_splits(assigned, labels)
    return assigned


def _check_splits(assigned: NDArray[np.uint8], labels: NDArray[np.floating]) -> None:
    for index, name in enumerate(SPLITS):
        for label in (0, 1):
            if not np.any((assigned == index) & (labels == label)):
                raise UserError(
                    f"the {name} split would have no event of class {label} "
                    f"({len(labels)} events in total); use more events, or change split in the "
                    "scenario"
                )
