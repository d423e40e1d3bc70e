"""Write raw files in the layouts of the public files, with h5py and pyarrow only."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import h5py
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from calobatch.layouts import Layout
from calobatch.raw.interface import Block, RawFile

NESTED = pa.list_(pa.list_(pa.list_(pa.float64())))


class Events(NamedTuple):
    """Random events as dense arrays: what a correct reader finds in their file."""

    image_BCHW: np.ndarray  # float32
    label: np.ndarray  # float64
    scalars_BS: np.ndarray  # float64: pt, m0 for jets, nothing for crops


class RawFiles(NamedTuple):
    """The files of one dataset, and all their events in order."""

    layout: Layout
    paths: list[Path]
    image_BCHW: np.ndarray
    label: np.ndarray
    scalars_BS: np.ndarray


def random_events(layout: Layout, label: Sequence[float], seed: int) -> Events:
    """Return sparse images with values that are easily lost: -0, denormal, large and negative."""
    rng = np.random.default_rng(seed)
    shape = (len(label), *layout.shape)
    image_BCHW = np.where(rng.random(shape) < 0.03, rng.normal(size=shape), 0).astype(np.float32)
    odd = np.array([-0.0, 1e-45, -1e-39, 3.4e38, -3.4e38, 1e-3, -1e-3, 9e-4], dtype=np.float32)
    image_BCHW.reshape(-1)[rng.choice(image_BCHW.size, 40 * len(odd))] = np.tile(odd, 40)
    scalars_BS = rng.uniform(70, 337, (len(label), len(layout.scalars)))
    return Events(image_BCHW, np.array(label, dtype=float), scalars_BS)


def write_hdf5(path: Path, layout: Layout, events: Events, **options) -> Path:
    """Write images with channels last, labels and scalars; ``options`` go to h5py's datasets."""
    options = {"chunks": True, "compression": "lzf"} | options
    with h5py.File(path, "w") as file:
        image_BHWC = np.moveaxis(events.image_BCHW, 1, -1)
        file.create_dataset(layout.image, data=image_BHWC, **options)
        file.create_dataset(layout.label, data=events.label.astype("f4"), compression="lzf")
        for i, scalar in enumerate(layout.scalars):
            file.create_dataset(scalar.name, data=events.scalars_BS[:, i])
    return path


def write_parquet(path: Path, layout: Layout, events: Events, row_group_size: int = 1) -> Path:
    """Write images as nested lists of doubles, and one column for the label and for each scalar."""
    columns = {layout.image: nested_lists(events.image_BCHW)}
    columns |= {s.name: pa.array(events.scalars_BS[:, i]) for i, s in enumerate(layout.scalars)}
    columns[layout.label] = pa.array(events.label)
    pq.write_table(pa.table(columns), path, row_group_size=row_group_size, compression="snappy")
    return path


def nested_lists(image_BCHW: np.ndarray) -> pa.Array:
    """Return images as list<list<list<double>>>."""
    nested = pa.array(image_BCHW.astype(np.float64).reshape(-1))
    for length in image_BCHW.shape[:0:-1]:
        offsets = pa.array(range(0, len(nested) + 1, length), pa.int32())
        nested = pa.ListArray.from_arrays(offsets, nested)
    return nested


def joined(layout: Layout, paths: Sequence[Path], parts: Sequence[Events]) -> RawFiles:
    """Return the files of a dataset together with the events of all of them."""
    arrays = (np.concatenate(of_parts) for of_parts in zip(*parts, strict=True))
    return RawFiles(layout, list(paths), *arrays)


def read_whole(raw: RawFile, events: int = 1000) -> Block:
    """Return all events of a raw file, reading at most ``events`` at a time."""
    blocks = [block for piece in raw.pieces(events) for block in piece.blocks(events)]
    assert all(len(block.image_BCHW) <= events for block in blocks)
    return Block(
        np.concatenate([block.image_BCHW for block in blocks]),
        np.concatenate([block.scalars_BS for block in blocks]),
    )


def assert_same_bits(found: np.ndarray, expected: np.ndarray) -> None:
    """Compare float32 values, of which -0.0 and 0.0 differ."""
    np.testing.assert_array_equal(
        np.ascontiguousarray(found, np.float32).view(np.uint32), expected.view(np.uint32)
    )
