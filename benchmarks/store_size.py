"""Compare the size of a store with that of the same images as dense float32."""

from collections.abc import Iterator

from benchmarks.comparison import Goal, Row
from benchmarks.inputs import Inputs
from benchmarks.layouts import ELECTRON_PHOTON, QUARK_GLUON
from benchmarks.workload import Workload
from calobatch.store import Store, open_store

BYTES_PER_PIXEL = 4
MIB = 2**20


def rows(workload: Workload, inputs: Inputs) -> Iterator[Row]:
    """Yield one row for jets and one for crops."""
    for name, layout, events, bound in (
        ("jets", QUARK_GLUON, workload.jets, 20.0),
        ("crops", ELECTRON_PHOTON, workload.crops, 10.0),
    ):
        folder = inputs.store(layout, events)
        stored = sum(file.stat().st_size for file in folder.iterdir())
        dense = events * layout.pixels * BYTES_PER_PIXEL
        smaller = dense / stored
        yield Row(
            what=f"size of the store, {name} ({codec(open_store(folder), stored)})",
            against="dense float32",
            unit="MiB",
            ours=stored / MIB,
            theirs=dense / MIB,
            value=smaller,
            low=smaller,
            high=smaller,
            goal=Goal(bound),
            value_unit="x smaller",
            note="exact",
        )


def codec(store: Store, stored: int) -> str:
    """Return "no codec" if the file has the arrays as they are used, "compressed" if not."""
    arrays = (store.start, store.pixel, store.value, store.label, store.split, store.scalars_BS)
    return "no codec" if stored >= sum(array.nbytes for array in arrays) else "compressed"
