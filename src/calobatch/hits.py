"""Events as lists of hits, for models that never see the image.

A hit is a pixel with a value other than zero in at least one channel: its row, its column, and its
value in every channel. A channel can be coarser than the image, so that one cell of its detector, a
tower, covers a square of pixels. A tower is at its central pixel (if its size is even, at the one
after the middle), and its value is the sum over its pixels; what other channels have in that pixel
belongs to the same hit. A tower moves with its central pixel, also out of the image.

Events have different numbers of hits. They are made equally long by hits that are zero everywhere.

Tensor names: B events, L hits of the longest event, F = 2 + C numbers of a hit: row and column,
counted from 0, and the value in each of C channels, in the units of the raw files.
"""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from calobatch.compiled import compiled
from calobatch.errors import UserError
from calobatch.layouts import Layout

POSITION = ("row", "column")


class HitMaker:
    """Makes hits from the pixels of a store, or from images.

    ``towers`` has the size of a tower, in pixels along rows and columns, of each channel that is
    coarser than the image, by the name of the channel.
    """

    def __init__(self, layout: Layout, towers: Mapping[str, int]) -> None:
        self.channels, self.height, self.width = layout.shape
        _check_towers(layout, towers)
        sizes = [towers.get(channel.name, 1) for channel in layout.channels]
        self.cell_P = np.concatenate([self._cells(size) for size in sizes])
        # One move, which leaves every pixel where it is.
        self.still = np.arange(len(self.cell_P), dtype=np.uint32)[None]

    def _cells(self, size: int) -> NDArray[np.int64]:
        """Return for each pixel of a channel the number of the pixel at which its hit is."""
        row, column = (
            np.minimum(np.arange(length) // size * size + size // 2, length - 1)
            for length in (self.height, self.width)
        )
        return np.asarray((row[:, None] * self.width + column).ravel())

    def number(
        self,
        start: NDArray[np.int64],
        pixel: NDArray[np.unsignedinteger],
        value: NDArray[np.float32],
    ) -> NDArray[np.int64]:
        """Return the number of hits of every event.

        Event k has the values from ``start[k]`` up to ``start[k + 1]``, as in a store.
        """
        number = np.zeros(len(start) - 1, np.int64)
        _count(start, pixel, value, self.cell_P, number)
        return number

    def hits(
        self,
        events: NDArray[np.int64],
        start: NDArray[np.int64],
        pixel: NDArray[np.unsignedinteger],
        value: NDArray[np.float32],
        longest: int,
        target: NDArray[np.unsignedinteger] | None = None,
        move: NDArray[np.int64] | None = None,
    ) -> NDArray[np.float32]:
        """Return the hits (B, ``longest``, F) of ``events``, none of which may have more.

        With ``target``, which :func:`calobatch.train.augment.move_targets` returns, event ``k`` is
        moved by move number ``move[k]``. Hits that leave the image are left out.
        """
        hit_BLF = np.zeros((len(events), longest, len(POSITION) + self.channels), np.float32)
        if target is None or move is None:
            target = self.still
            move = np.zeros(len(events), np.int64)
        gone = int(np.iinfo(target.dtype).max)
        _fill(events, start, pixel, value, self.cell_P, target, move, self.width, gone, hit_BLF)
        return hit_BLF

    def of_images(self, image_BCHW: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the hits (B, L, F) of images; they are those of the same events in a store."""
        flat_BP = image_BCHW.reshape(len(image_BCHW), -1)
        event, pixel = np.nonzero(flat_BP)
        start = np.searchsorted(event, np.arange(len(flat_BP) + 1))
        hits = start, pixel.astype(np.uint32), flat_BP[event, pixel]
        longest = max(int(self.number(*hits).max(initial=0)), 1)
        return self.hits(np.arange(len(flat_BP)), *hits, longest)


def _check_towers(layout: Layout, towers: Mapping[str, int]) -> None:
    """Raise a UserError if a channel does not exist, or if a tower has no possible size."""
    names = [channel.name for channel in layout.channels]
    largest = min(layout.height, layout.width)
    for name, size in towers.items():
        if name not in names:
            raise UserError(
                f"towers has {name!r}, which is not a channel of layout {layout.name}; its "
                f"channels are {', '.join(names)}"
            )
        if not isinstance(size, int) or not 1 <= size <= largest:
            raise UserError(
                f"towers: the size of {name!r} is {size!r}; give a whole number of pixels from 1 "
                f"to {largest}"
            )


@compiled  # type: ignore[untyped-decorator]
def _count(
    start: NDArray[np.int64],
    pixel: NDArray[np.unsignedinteger],
    value: NDArray[np.float32],
    cell_P: NDArray[np.int64],
    number: NDArray[np.int64],
) -> None:
    """Write to ``number`` how many cells of each event have a value other than zero."""
    # The last event that had a value in each cell.
    event_of_cell = np.full(len(cell_P), -1)
    for event in range(len(number)):
        for index in range(start[event], start[event + 1]):
            cell = cell_P[pixel[index]]
            if value[index] != 0 and event_of_cell[cell] != event:
                event_of_cell[cell] = event
                number[event] += 1


@compiled  # type: ignore[untyped-decorator]
def _fill(
    events: NDArray[np.int64],
    start: NDArray[np.int64],
    pixel: NDArray[np.unsignedinteger],
    value: NDArray[np.float32],
    cell_P: NDArray[np.int64],
    target: NDArray[np.unsignedinteger],
    move: NDArray[np.int64],
    width: int,
    gone: int,
    hit_BLF: NDArray[np.float32],
) -> None:
    """Write the moved hits of ``events`` into ``hit_BLF``, which is zero everywhere."""
    channel_pixels = len(cell_P) // (hit_BLF.shape[2] - 2)
    # The last event that had a value in each cell, and the number of its hit there.
    row_of_cell, hit_of_cell = np.full(channel_pixels, -1), np.zeros(channel_pixels, np.int64)
    for row in range(len(events)):
        hits = 0
        for index in range(start[events[row]], start[events[row] + 1]):
            cell = cell_P[pixel[index]]
            # Cells have the numbers of the pixels of the first channel.
            place = target[move[row], cell]
            if value[index] == 0 or place == gone:
                continue
            if row_of_cell[cell] != row:
                row_of_cell[cell], hit_of_cell[cell] = row, hits
                hit_BLF[row, hits, 0] = place // width
                hit_BLF[row, hits, 1] = place % width
                hits += 1
            channel = pixel[index] // channel_pixels
            hit_BLF[row, hit_of_cell[cell], 2 + channel] += value[index]
