"""simulate: raw files in the public layout, made of blocks that any number of workers share.

A block's events depend on the seed, the file and the block's number alone, so the file does not
depend on the number of workers.
"""

import hashlib
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from calobatch.atomic import atomic_path
from calobatch.config.models import Simulated
from calobatch.errors import UserError
from calobatch.layouts import ELECTRON_PHOTON, Layout
from calobatch.progress import Progress
from calobatch.simulate.crop_file import write_crops
from calobatch.simulate.electron_photon import simulate_crops
from calobatch.simulate.jet_file import write_jets
from calobatch.simulate.plan import PlannedFile, planned_files
from calobatch.simulate.quark_gluon import Jets, simulate_jets
from calobatch.workers import Workers

# A block of crops is simulated at once in memory; a block of jets starts its own generator.
CROPS_A_BLOCK = 500
JETS_A_BLOCK = 250


class Piece(NamedTuple):
    """A block of events: how many of class 0 and of class 1, and its own seed."""

    class_0: int
    class_1: int
    seed: int


def simulate(layout: Layout, settings: Simulated, output: Path, *, workers: int = 1) -> None:
    """Write the raw file ``output``, one of those that :func:`planned_files` names.

    Raises a UserError if the settings do not lead to a file of that name.
    """
    planned = {file.name: file for file in planned_files(layout, settings)}
    if output.name not in planned:
        raise UserError(
            f"these settings do not make a file {output.name}; they make {', '.join(planned)}"
        )
    file = planned[output.name]
    events = file.class_0 + file.class_1
    with (
        atomic_path(output) as path,
        Progress(f"simulate {file.name}", events, "events") as bar,
        Workers(workers) as pool,
    ):
        if layout is ELECTRON_PHOTON:
            pieces = _pieces(file, settings.seed, CROPS_A_BLOCK)
            write_crops(path, events, int(file.class_1 > 0), _crops(pieces, pool, bar))
        else:
            pieces = _pieces(file, settings.seed, JETS_A_BLOCK)
            write_jets(path, _jets(pieces, settings.pile_up, pool, bar))


def _pieces(file: PlannedFile, seed: int, events_a_block: int) -> list[Piece]:
    """Divide a file into blocks that each have their share of both classes."""
    events = file.class_0 + file.class_1
    blocks = -(-events // events_a_block)
    # Cumulated and rounded, the shares add up to the whole.
    edges_0 = [file.class_0 * block // blocks for block in range(blocks + 1)]
    edges_1 = [file.class_1 * block // blocks for block in range(blocks + 1)]
    return [
        Piece(
            edges_0[block + 1] - edges_0[block],
            edges_1[block + 1] - edges_1[block],
            _block_seed(seed, file.name, block),
        )
        for block in range(blocks)
    ]


def _block_seed(seed: int, file: str, block: int) -> int:
    """Return a seed below 2^63 that no other block shares (but by a chance of about 2^-63)."""
    digest = hashlib.sha256(f"{seed}/{file}/{block}".encode()).digest()
    return int.from_bytes(digest[:8], "big") >> 1


def _crops(pieces: list[Piece], pool: Workers, bar: Progress) -> Iterator[NDArray[np.float32]]:
    for image_BHWC in pool.map_in_order(_crop_block, pieces):
        yield image_BHWC
        bar.advance(len(image_BHWC))


def _crop_block(piece: Piece) -> NDArray[np.float32]:
    rng = np.random.default_rng(piece.seed)
    if piece.class_1:
        return simulate_crops("electron", piece.class_1, rng)
    return simulate_crops("photon", piece.class_0, rng)


def _jets(pieces: list[Piece], pile_up: int, pool: Workers, bar: Progress) -> Iterator[Jets]:
    for jets in pool.map_in_order(partial(_jet_block, pile_up=pile_up), pieces):
        yield jets
        bar.advance(len(jets.label))


def _jet_block(piece: Piece, pile_up: int) -> Jets:
    return simulate_jets(piece.class_1, piece.class_0, piece.seed, pile_up)
