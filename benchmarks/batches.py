"""Compare batches of random jets from the store with a bare fill and with other loaders."""

import shutil
import warnings
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import cycle
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from benchmarks import peers
from benchmarks.comparison import Goal, Row, Skipped, compare, rate, say, take_turns
from benchmarks.inputs import Inputs
from benchmarks.layouts import QUARK_GLUON
from benchmarks.workload import Workload
from calobatch.models.inputs import ModelInputs
from calobatch.store import Store, open_store
from calobatch.train.batches import BatchMaker
from calobatch.train.order import epoch_batches

BATCH = 256  # 48 MB of images, so that they do not fit into a cache
PASSES = 3  # over the whole store, so that a measurement takes about half a second
Batches = Sequence[NDArray[np.int64]]  # of each batch, the indices of its events
# The peers by name, each with the function that returns its loaders and the goal of the ratio.
PEERS = {
    "DataLoader over h5py": (peers.hdf5_loaders, 10.0),
    "webdataset": (peers.webdataset_loaders, 1.0),
    "mosaicml-streaming": (peers.streaming_loaders, 1.0),
    "memory-mapped .npy, default collate": (peers.npy_loaders, 1.0),
}


def rows(workload: Workload, inputs: Inputs) -> Iterator[Row | Skipped]:
    """Yield the row for the bare fill, then one row per loader."""
    torch.set_num_threads(1)  # the same as a rank
    warnings.filterwarnings("ignore", message="The given NumPy array is not writable")
    store = open_store(inputs.store(QUARK_GLUON, workload.jets_x8))
    maker = BatchMaker(store, ModelInputs(store.layout, ("image",)), torch.device("cpu"))
    shares = epoch_batches(np.arange(len(store)), BATCH, seed=1, epoch=1, rank=0, ranks=1)
    batches = [share.events for share in shares]
    works = {
        "calobatch": rate(partial(make, maker, batches), PASSES * len(store)),
        "write-only fill": rate(fill(maker, batches), PASSES * len(store)),
    }
    best: dict[str, str] = {}
    folder = inputs.folder / "loaders"
    shutil.rmtree(folder, ignore_errors=True)
    for name in PEERS:
        try:
            best[name], works[name] = best_loader(name, folder, store, workload.dense_jets)
        except ImportError as error:
            yield Skipped(
                f"batches from the store against {name}", f"{error}; `make bench` installs it"
            )
    took = take_turns("batches", works, workload.repeats)
    what = f"batches of {BATCH} jets from the store, one thread"
    fill_goal = Goal(0.8)
    yield compare(what, "write-only fill", took["calobatch"], took["write-only fill"], fill_goal)
    for name, setting in best.items():
        goal = Goal(PEERS[name][1])
        yield compare(what, f"{name} ({setting})", took["calobatch"], took[name], goal)
    shutil.rmtree(folder, ignore_errors=True)


def make(maker: BatchMaker, batches: Batches) -> None:
    """Make all batches of an epoch, ``PASSES`` times."""
    for _ in range(PASSES):
        for events in batches:
            maker.batch(events)


def fill(maker: BatchMaker, batches: Batches) -> Callable[[], None]:
    """Return a function that fills the buffers of the batches as often as :func:`make` does.

    It writes the same number of bytes and does nothing else, so no batch maker can be faster.
    """
    # The batch maker has two buffers, which it uses in turn.
    buffers = cycle([maker.batch(batches[0]).inputs[0] for _ in range(2)])

    def fill_all() -> None:
        for _ in range(PASSES):
            for events in batches:
                next(buffers)[: len(events)].fill_(1.0)

    return fill_all


def best_loader(
    name: str, folder: Path, store: Store, events: int
) -> tuple[str, Callable[[], float]]:
    """Return the name of the fastest setting of a loader, and a function that measures its rate.

    Each setting is tried once after a warm-up.
    """
    folder = folder / name.split()[0]
    folder.mkdir(parents=True)
    chosen = np.arange(events)
    loaders = PEERS[name][0](folder, store.dense(chosen), store.label[chosen], BATCH)
    rates = {}
    for setting, loader in loaders.items():
        say(f"batches: trying {name}, {setting}")
        read_all(loader, events)
        rates[setting] = rate(partial(read_all, loader, events), events)()
    best = max(rates, key=lambda setting: rates[setting])
    loader = loaders[best]
    loaders.clear()  # ends the workers of the other settings
    return best, rate(partial(read_all, loader, events), events)


def read_all(loader: peers.Loader, events: int) -> None:
    """Read all batches of a loader, and check that no event is missing."""
    count = 0
    for image_BCHW, label_B in loader:
        assert image_BCHW.dtype == torch.float32
        assert image_BCHW.shape[1:] == QUARK_GLUON.shape
        count += len(label_B)
    assert count == events, f"read {count} events, but {events} were written"
