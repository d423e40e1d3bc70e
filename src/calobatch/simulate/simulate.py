"""simulate: one raw file in the public layout, made of blocks that several workers share.

The events of a block depend only on the settings' seed, the file's name and the block's number.
The file is therefore the same for every number of workers.
"""

import hashlib
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from calobatch.atomic import atomic_path
from calobatch.config.dataset import Simulated
from calobatch.errors import UserError
from calobatch.layouts import Layout, simulator_of
from calobatch.progress import Progress
from calobatch.simulate.crops.crops import simulate_crops
from calobatch.simulate.crops.file import write_crops
from calobatch.simulate.jets.file import write_jets
from calobatch.simulate.jets.jets import Jets, simulate_jets
from calobatch.simulate.planned_files import PlannedFile, planned_files
from calobatch.workers import Workers

# All crops of a block are in memory at once, about 40 kB per crop (20 MB). A block of jets starts
# two generators of its own, which takes 0.3 s, so it must have many more jets than the 15 that are
# simulated in that time. Changing these numbers changes the events that a seed gives.
CROPS_PER_BLOCK = 500
JETS_PER_BLOCK = 250


class Block(NamedTuple):
    """Some events of a file: how many of class 0 and of class 1, and the seed they come from."""

    class_0: int
    class_1: int
    seed: int


def simulate(layout: Layout, settings: Simulated, output: Path, *, workers: int = 1) -> None:
    """Write the raw file ``output``, one of those that :func:`planned_files` names.

    Raises a UserError if the layout cannot be simulated, if the settings do not lead to a file of
    that name, or if ``workers`` is less than 1.
    """
    planned = {file.name: file for file in planned_files(layout, settings)}
    if output.name not in planned:
        raise UserError(
            f"these settings do not make a file {output.name}; they make {', '.join(planned)}"
        )
    file = planned[output.name]
    with (
        atomic_path(output) as path,
        Progress(f"simulate {file.name}", file.events, "events") as bar,
        Workers(workers) as pool,
    ):
        match simulator_of(layout):
            case "crops":
                blocks = _blocks(file, settings.seed, CROPS_PER_BLOCK)
                label = int(file.class_1 > 0)  # a crop file has one class
                write_crops(path, file.events, label, _crops(blocks, pool, bar))
            case "jets":
                blocks = _blocks(file, settings.seed, JETS_PER_BLOCK)
                scalars = [scalar.in_file for scalar in layout.scalars]
                write_jets(path, _jets(blocks, settings, pool, bar), scalars)


def _blocks(file: PlannedFile, seed: int, events_per_block: int) -> list[Block]:
    """Divide a file into blocks of nearly equal size, each with its share of both classes."""
    blocks = -(-file.events // events_per_block)
    # The borders are rounded, not the sizes, so that the sizes add up to the whole file.
    edges_0 = [file.class_0 * block // blocks for block in range(blocks + 1)]
    edges_1 = [file.class_1 * block // blocks for block in range(blocks + 1)]
    return [
        Block(
            edges_0[block + 1] - edges_0[block],
            edges_1[block + 1] - edges_1[block],
            _block_seed(seed, file.name, block),
        )
        for block in range(blocks)
    ]


def _block_seed(seed: int, file: str, block: int) -> int:
    """Return a seed below 2^63; two blocks have the same one with a probability of about 2^-63."""
    digest = hashlib.sha256(f"{seed}/{file}/{block}".encode()).digest()
    return int.from_bytes(digest[:8], "big") >> 1


def _crops(blocks: list[Block], pool: Workers, bar: Progress) -> Iterator[NDArray[np.float32]]:
    for image_BHWC in pool.map_in_order(_crop_block, blocks):
        yield image_BHWC
        bar.advance(len(image_BHWC))


def _crop_block(block: Block) -> NDArray[np.float32]:
    rng = np.random.default_rng(block.seed)
    if block.class_1:
        return simulate_crops("electron", block.class_1, rng)
    return simulate_crops("photon", block.class_0, rng)


def _jets(blocks: list[Block], settings: Simulated, pool: Workers, bar: Progress) -> Iterator[Jets]:
    for jets in pool.map_in_order(partial(_jet_block, settings=settings), blocks):
        yield jets
        bar.advance(len(jets.label))


def _jet_block(block: Block, settings: Simulated) -> Jets:
    return simulate_jets(
        block.class_1, block.class_0, block.seed, settings.pile_up, settings.generator
    )
