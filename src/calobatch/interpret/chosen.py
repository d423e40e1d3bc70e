"""Choose the events that a model scores again, so that it does not take long."""

import numpy as np
from numpy.typing import NDArray

from calobatch.layouts import Layout
from calobatch.store import Store


def affordable(layout: Layout, scores: int, *, pixels: int, most: int) -> int:
    """Return how many events of each class can be scored ``scores`` times each.

    ``pixels`` limits the pixels of all images that are scored. It is a limit on the work and not on
    the time, so that every machine scores the same events.
    """
    images = pixels // (layout.pixels * len(layout.classes))
    return min(max(images // scores, 1), most)


def spread_events(
    store: Store, events: NDArray[np.int64], per_class: int
) -> list[NDArray[np.int64]]:
    """Return at most ``per_class`` of the ``events`` of each class, spread evenly over them."""
    chosen = []
    for label in range(len(store.layout.classes)):
        of_class = events[store.label[events] == label]
        number = min(per_class, len(of_class))
        chosen.append(of_class[np.linspace(0, len(of_class), number, endpoint=False).astype(int)])
    return chosen
