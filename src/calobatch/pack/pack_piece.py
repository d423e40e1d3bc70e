"""What a worker process does: turn a piece of a raw file into checked hits, and sum over them."""

from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from calobatch.layouts import Layout
from calobatch.pack.check import check_values
from calobatch.pack.repeats import image_keys
from calobatch.pack.sparsify import Hits, sparsify
from calobatch.pack.sums import Sums
from calobatch.raw.interface import Piece


class PieceToPack(NamedTuple):
    """A piece, and which of its events are in the training split."""

    piece: Piece
    training: NDArray[np.bool_]


class Packed(NamedTuple):
    """A block of events in the form of the store, and the sums over its training events."""

    hits: Hits
    scalars_BS: NDArray[np.float64]
    keys: NDArray[np.uint64]  # (B), a hash of each image
    sums: Sums


def pack_piece(
    to_pack: PieceToPack, layout: Layout, events: int, zero_below: float
) -> Iterator[Packed]:
    """Yield the events of a piece in order, in blocks of at most ``events``."""
    done = 0
    for block in to_pack.piece.blocks(events):
        hits = sparsify(block.image_BCHW, zero_below)
        check_values(hits, block.scalars_BS, to_pack.piece.start + done, str(to_pack.piece.path))
        training = to_pack.training[done : done + len(hits.per_event)]
        done += len(training)
        sums = Sums.of(hits, training, layout)
        yield Packed(hits, block.scalars_BS, image_keys(hits), sums)


def listed(
    pack_one: Callable[[PieceToPack], Iterator[Packed]], to_pack: PieceToPack
) -> list[Packed]:
    """Return all blocks of a piece as a list: a generator cannot be sent to another process."""
    return list(pack_one(to_pack))
