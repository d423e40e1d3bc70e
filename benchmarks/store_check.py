"""Compare opening a store, with its checksum and the checks of its structure, with a plain read."""

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from benchmarks.comparison import Goal, Row, compare, seconds, take_turns
from benchmarks.inputs import Inputs
from benchmarks.layouts import QUARK_GLUON
from benchmarks.workload import Workload
from calobatch.store import open_store
from calobatch.store_files import EVENTS_FILE

BYTES_PER_READ = 2**18  # as many as hashlib reads at a time


def rows(workload: Workload, inputs: Inputs) -> Iterator[Row]:
    """Yield one row for a store that is opened for the first time, and one for any later time."""
    folder = inputs.store(QUARK_GLUON, workload.jets_x8)
    events = folder / EVENTS_FILE
    gigabytes = events.stat().st_size / 1e9
    took = take_turns(
        "open a store",
        {
            "first": _per(gigabytes, partial(_open_for_the_first_time, folder)),
            "again": _per(gigabytes, partial(open_store, folder)),
            "read": _per(gigabytes, partial(_read, events)),
        },
        workload.repeats,
    )
    against = "read of the file from memory, unchecked"
    for what, name, goal in (
        ("open a store for the first time", "first", None),
        ("open a store that was checked before", "again", Goal(1.0, at_most=True)),
    ):
        yield compare(what, against, took[name], took["read"], goal, unit="s per GB")


def _per(gigabytes: float, work: Callable[[], object]) -> Callable[[], float]:
    """Return a work that does ``work`` and returns its seconds per GB."""
    timed = seconds(work)
    return lambda: timed() / gigabytes


def _open_for_the_first_time(folder: Path) -> None:
    folder.joinpath(f".{EVENTS_FILE}.sha256").unlink(missing_ok=True)
    open_store(folder)


def _read(path: Path) -> None:
    buffer = bytearray(BYTES_PER_READ)
    with path.open("rb", buffering=0) as file:
        while file.readinto(buffer):
            pass
