"""Compare the rate of pack with bare readers of the same files and with the usual methods."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from itertools import pairwise
from multiprocessing import get_context
from pathlib import Path

import h5py
import numpy as np
import pyarrow.parquet as pq

from benchmarks.comparison import Goal, Row, Skipped, compare, rate, take_turns
from benchmarks.inputs import Inputs
from benchmarks.layouts import ELECTRON_PHOTON, QUARK_GLUON
from benchmarks.packing import pack_store
from benchmarks.workload import CORES, Workload
from calobatch.layouts import Layout

# This number of row groups fits into the cache of a core; with 64, pyarrow is three times slower.
JETS_PER_READ = 16


def rows(workload: Workload, inputs: Inputs) -> Iterator[Row | Skipped]:
    """Yield the rows of jets in parquet, then those of crops in HDF5."""
    # These processes are spawned like the workers of pack, but live for all rounds, so that their
    # start does not count: their rate is the limit that pack is compared with.
    with ProcessPoolExecutor(CORES, get_context("spawn")) as pool:
        yield from _jets(workload, inputs, pool)
        yield from _crops(workload, inputs, pool)


def _jets(workload: Workload, inputs: Inputs, pool: ProcessPoolExecutor) -> Iterator[Row]:
    [file] = inputs.raw(QUARK_GLUON, workload.jets_x8)
    notebook = slice(0, workload.slow_jets)
    usual = slice(0, workload.slow_jets * 16)
    took = take_turns(
        "pack jets",
        {
            "calobatch": rate(_packing(QUARK_GLUON, [file], inputs), workload.jets_x8),
            "pyarrow": rate(partial(_decode_parquet, pool, file), workload.jets_x8),
            "four loops": rate(partial(_four_loops, file, notebook), workload.slow_jets),
            "to_pandas": rate(partial(_to_pandas_and_stack, file, usual), workload.slow_jets * 16),
        },
        workload.repeats,
    )
    what = f"pack jets, parquet, {CORES} cores"
    for against, peer, bound in (
        (f"bare pyarrow decode, {CORES} processes", "pyarrow", 0.9),
        ("the notebook's four loops, one process", "four loops", 30.0),
        ("to_pandas and np.stack, one process", "to_pandas", 3.0),
    ):
        yield compare(what, against, took["calobatch"], took[peer], Goal(bound))


def _crops(workload: Workload, inputs: Inputs, pool: ProcessPoolExecutor) -> Iterator[Row]:
    files = inputs.raw(ELECTRON_PHOTON, workload.crops_x8)
    took = take_turns(
        "pack crops",
        {
            "calobatch": rate(_packing(ELECTRON_PHOTON, files, inputs), workload.crops_x8),
            "h5py, one process": rate(lambda: [*map(read_hdf5, files)], workload.crops_x8),
            "h5py, one process per core": rate(
                lambda: [*pool.map(read_hdf5, files)], workload.crops_x8
            ),
        },
        workload.repeats,
    )
    what = f"pack crops, HDF5, {CORES} cores"
    for peer, goal in (("one process", Goal(0.8)), ("one process per core", None)):
        against = f"bare h5py read of all chunks, {peer}"
        yield compare(what, against, took["calobatch"], took[f"h5py, {peer}"], goal)


def _packing(layout: Layout, files: Sequence[Path], inputs: Inputs) -> Callable[[], None]:
    return partial(pack_store, layout, files, inputs.folder / "packed", CORES)


def _decode_parquet(pool: ProcessPoolExecutor, file: Path) -> None:
    groups = pq.ParquetFile(file).metadata.num_row_groups
    edges = np.linspace(0, groups, CORES + 1, dtype=int).tolist()
    list(pool.map(partial(decode_row_groups, file), pairwise(edges)))


def decode_row_groups(file: Path, span: tuple[int, int]) -> None:
    """Decode all columns of the row groups in ``span``, block by block, and drop the results."""
    batches = pq.ParquetFile(file).iter_batches(
        JETS_PER_READ, row_groups=range(*span), use_threads=False
    )
    for _ in batches:
        pass


def read_hdf5(file: Path) -> None:
    """Read each chunk of the images into the same array."""
    with h5py.File(file) as opened:
        images = opened["X"]
        buffer = np.empty((images.chunks[0], *images.shape[1:]), images.dtype)
        for chunk in images.iter_chunks():
            count = chunk[0].stop - chunk[0].start
            images.read_direct(buffer[:count], chunk)


def _four_loops(file: Path, jets: slice) -> None:
    """Copy the images pixel by pixel from the nested arrays of pandas, as the notebook does."""
    table = pq.ParquetFile(file).read_row_groups(range(jets.stop), columns=["X_jets"])
    nested = table.column("X_jets").to_pandas().to_numpy()
    image_BCHW = np.zeros((len(nested), *QUARK_GLUON.shape), np.float32)
    channels, height, width = QUARK_GLUON.shape
    for jet in range(len(nested)):
        for channel in range(channels):
            for row in range(height):
                for column in range(width):
                    image_BCHW[jet, channel, row, column] = nested[jet][channel][row][column]


def _to_pandas_and_stack(file: Path, jets: slice) -> None:
    frame = pq.ParquetFile(file).read_row_groups(range(jets.stop)).to_pandas()
    np.stack([np.stack([np.stack(plane) for plane in image]) for image in frame["X_jets"]])
