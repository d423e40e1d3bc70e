"""Compare the rate of pack with bare readers of the formats that users bring: .npz and ROOT."""

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import numpy as np
import uproot

from benchmarks.comparison import Row, compare, rate, take_turns
from benchmarks.inputs import Inputs
from benchmarks.layouts import ELECTRON_PHOTON
from benchmarks.packing import pack_store
from benchmarks.workload import CORES, Workload
from calobatch.layouts import Hits

# Every image as a list of hits, under these keys.
HITS = ELECTRON_PHOTON.model_copy(
    update={
        "image": None,
        "hits": Hits(channel="channel", row="row", column="column", value="value"),
    }
)


def rows(workload: Workload, inputs: Inputs) -> Iterator[Row]:
    """Yield a row for images in .npz, images in ROOT, and lists of hits in ROOT."""
    events = workload.crops
    for what, kind, layout, reader, peer in (
        ("images, .npz", "npz", ELECTRON_PHOTON, read_npz, "numpy.load"),
        ("images, ROOT", "images.root", ELECTRON_PHOTON, read_root, "uproot"),
        ("hits, ROOT", "hits.root", HITS, read_root, "uproot"),
    ):
        file = inputs.converted(events, kind)
        pack: Callable[[], None] = partial(
            pack_store, layout, [file], inputs.folder / "packed", CORES
        )
        took = take_turns(
            f"pack {what}",
            {"calobatch": rate(pack, events), "bare": rate(partial(reader, file), events)},
            workload.repeats,
        )
        yield compare(
            f"pack crops as {what}, {CORES} cores", f"bare {peer} of all events, one process",
            took["calobatch"], took["bare"], goal=None,
        )  # fmt: skip


def read_npz(file: Path) -> None:
    """Read all arrays of the file."""
    with np.load(file) as arrays:
        for name in arrays.files:
            arrays[name].sum()


def read_root(file: Path) -> None:
    """Decode all branches of the only tree, 3,000 events at a time, and drop the results."""
    with uproot.open(file) as opened:
        for _ in opened["events"].iterate(step_size=3_000):
            pass
