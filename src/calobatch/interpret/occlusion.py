"""How the probability of the true class falls if a patch of the image is set to zero.

The method (Zeiler and Fergus, ECCV 2014, section 4.2) asks the model only for scores, so it also
works for trees, whose gradient is zero almost everywhere. A patch that has no hit in an event is
zero already, so the model need not score it.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from calobatch.interpret.scorer import Scorer
from calobatch.layouts import Layout
from calobatch.progress import Progress
from calobatch.scalars import standardised
from calobatch.store import Store

# Along the longer side of an image. More patches show more, and take more time.
PATCHES = 9


class Patches(NamedTuple):
    """A division of an image into squares of ``size`` x ``size`` pixels.

    The middle pixel is in the middle of a patch. Patches at the edges may be cut off. ``number_HW``
    is the number of the patch of each pixel, and ``total`` how many there are.
    """

    size: int
    number_HW: NDArray[np.int64]
    total: int


class Changed(NamedTuple):
    """The images to score: for each, the index of its event, a channel and a patch (images)."""

    event: NDArray[np.int64]
    channel: NDArray[np.int64]
    patch: NDArray[np.int64]


def patches_of(layout: Layout) -> Patches:
    """Return the patches of the images of a layout."""
    size = -(-max(layout.height, layout.width) // PATCHES)
    row, column = (_along(length, size) for length in (layout.height, layout.width))
    columns = int(column[-1]) + 1
    return Patches(size, row[:, None] * columns + column, (int(row[-1]) + 1) * columns)


def _along(length: int, size: int) -> NDArray[np.int64]:
    """Return for each pixel along an axis the number of its patch."""
    first = (length // 2 - size // 2) % size  # where the first whole patch starts
    number = (np.arange(length) - first + size) // size
    return np.asarray(number - number[0])


class Occlusion:
    """The occlusion of some ``events`` of a store."""

    def __init__(self, store: Store, events: NDArray[np.int64]) -> None:
        self.store, self.events = store, events
        self.patches = patches_of(store.layout)
        self.image_BCHW = store.dense(events)
        self.changed = _with_hits(self.image_BCHW, self.patches)

    @property
    def images(self) -> int:
        """The number of images that the model scores."""
        return len(self.events) + len(self.changed.event)

    def falls(self, scorer: Scorer, progress: Progress) -> NDArray[np.float32]:
        """Return for each class the mean fall of the probability of the true class: (K, C, H, W).

        It is given for each pixel: that of its patch. A fall is negative if the probability rises.
        """
        layout, label_B = self.store.layout, self.store.label[self.events]
        scalars_BS = standardised(self.store.scalars_BS[self.events], self.store.manifest.scalars)
        score_BK = scorer.score(self.image_BCHW, scalars_BS, progress)
        probability_B = score_BK[np.arange(len(label_B)), label_B]
        sum_KCN = np.zeros((len(layout.classes), len(layout.channels), self.patches.total))
        for start in range(0, len(self.changed.event), scorer.batch):
            event, channel, patch = (a[start : start + scorer.batch] for a in self.changed)
            image_BCHW = self.image_BCHW[event]
            image_BCHW[np.arange(len(event)), channel] *= (
                self.patches.number_HW != patch[:, None, None]
            )
            score_BK = scorer.score(image_BCHW, scalars_BS[event], progress)
            label = label_B[event]
            fall = probability_B[event] - score_BK[np.arange(len(event)), label]
            np.add.at(sum_KCN, (label, channel, patch), fall)
        events_K = np.bincount(label_B, minlength=len(layout.classes))
        mean_KCN = sum_KCN / np.maximum(events_K, 1)[:, None, None]
        return np.asarray(mean_KCN[:, :, self.patches.number_HW], dtype=np.float32)


def _with_hits(image_BCHW: NDArray[np.float32], patches: Patches) -> Changed:
    """Return the patches of each event and channel in which a pixel is not zero."""
    events, channels = image_BCHW.shape[:2]
    event, channel, row, column = np.nonzero(image_BCHW)
    hit_BCN = np.zeros((events, channels, patches.total), dtype=bool)
    hit_BCN[event, channel, patches.number_HW[row, column]] = True
    return Changed(*np.nonzero(hit_BCN))
