"""What a worker does: a piece of a raw file to checked hits and the sums of its training events."""

from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from calobatch.layouts import Layout
from calobatch.pack.check import check_values
from calobatch.pack.raw import Piece
from calobatch.pack.sparsify import Hits, sparsify
from calobatch.pack.sums import Sums


class Task(NamedTuple):
    """A piece, and which of its events are trained on."""

    piece: Piece
    training: NDArray[np.bool_]


class Packed(NamedTuple):
    """A block of events as the store has them, and the sums of those that are trained on."""

    hits: Hits
    scalars_BS: NDArray[np.float64]
    sums: Sums


def pack_piece(task: Task, layout: Layout, events: int, zero_below: float) -> Iterator[Packed]:
    """Yield the piece in order, in blocks of at most ``events``."""
    done = 0
    for block in task.piece.blocks(events):
        hits = sparsify(block.image_BCHW, zero_below)
        check_values(hits, block.scalars_BS, task.piece.start + done, str(task.piece.path))
        training = task.training[done : done + len(hits.per_event)]
        done += len(training)
        yield Packed(hits, block.scalars_BS, Sums.of(hits, training, layout))


def listed(pack_one: Callable[[Task], Iterator[Packed]], task: Task) -> list[Packed]:
    """Pack a piece whole: a generator cannot be sent to another process."""
    return list(pack_one(task))
