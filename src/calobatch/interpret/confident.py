"""The events that a model is most certain about, rightly and wrongly."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from calobatch.run.decision import called_class, number_of_classes
from calobatch.run.interpretation import Confident
from calobatch.run.predictions import Predictions
from calobatch.store import Store

# The largest number of events of a class, and the largest fraction of them, that are confident.
MOST_EVENTS, LARGEST_SHARE = 200, 0.1


class Group(NamedTuple):
    """Confident events of one class, as places in the predictions, shape (events)."""

    label: int
    right: bool
    place: NDArray[np.int64]
    lowest: float | None


def confident_groups(test: Predictions) -> list[Group]:
    """Return the confident events of each class: those with the right prediction, then the others.

    They are ordered by the probability of the predicted class, and where that is the same, by their
    place.
    """
    called = called_class(test.score)
    probability = (
        np.where(called == 1, test.score, 1 - test.score)
        if test.score.ndim == 1
        else test.score.max(axis=1)
    )
    groups = []
    for label in range(number_of_classes(test.score)):
        of_class = test.label == label
        most = min(MOST_EVENTS, max(int(LARGEST_SHARE * of_class.sum()), 1))
        for right in (True, False):
            place = np.flatnonzero(of_class & ((called == label) == right))
            place = place[np.argsort(-probability[place], kind="stable")][:most]
            lowest = float(probability[place[-1]]) if len(place) else None
            groups.append(Group(label, right, place, lowest))
    return groups


def described(group: Group, store: Store) -> Confident:
    """Return what the record says about a group."""
    return Confident(
        of_class=store.layout.classes[group.label],
        right=group.right,
        events=len(group.place),
        lowest=group.lowest,
    )
