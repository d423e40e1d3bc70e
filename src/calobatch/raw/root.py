"""Read raw ROOT files: a tree (TTree or RNTuple) with a branch for each key of the layout.

An image is an array of fixed size, nested vectors, or vectors of hits.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import awkward as ak
import numpy as np
import pyarrow as pa
import uproot
from numpy.typing import NDArray

from calobatch.errors import UserError
from calobatch.layouts import Layout
from calobatch.raw.interface import (
    Block,
    label_key,
    refuse_more_events_than_bytes,
    refuse_other_kinds,
)
from calobatch.raw.nested import Nested

# zlib, the best of ROOT's codecs at long runs of zeros, makes them at most 1032 times smaller.
EVENTS_PER_BYTE = 1100
TREES = ("TTree", "TNtuple", "TNtupleD", "ROOT::RNTuple", "ROOT::Experimental::RNTuple")


class RootFile:
    """A ROOT file with a tree that has the images, labels and scalars of all events."""

    simulated = False

    def __init__(self, path: Path, layout: Layout) -> None:
        self.path, self.layout = path, layout
        with reading_root(path), opened(path) as file:
            tree = self._tree(file)
            self.tree = tree.name
            self.events = int(tree.num_entries)
            refuse_more_events_than_bytes(path, self.events // EVENTS_PER_BYTE)
            # An empty slice has the types.
            columns = columns_of(tree, layout.keys, 0, 0)
            # The events at which a part that is compressed as a whole begins, and the end.
            self.bounds = boundaries(tree, layout.image_keys[0])
        Nested(path, layout).check_types(lambda key: columns[key].type)

    def _tree(self, file: Any) -> Any:
        """Return the tree that the layout names, or the only one with all its keys."""
        names = trees_of(file)
        if (named := self.layout.tree) is not None:
            if named not in names:
                raise UserError(
                    f"{self.path} has no tree {named} (its trees: {', '.join(names) or 'none'}); "
                    f"correct tree in layout {self.layout.name}"
                )
            names = [named]
        if not names:
            raise UserError(f"{self.path} has no tree; write the events to one")
        lacking = {name: set(self.layout.keys) - set(file[name].keys()) for name in names}
        whole = [name for name in names if not lacking[name]]
        if not whole:
            nearest = min(names, key=lambda name: len(lacking[name]))
            raise UserError(
                f"{self.path}: tree {nearest} has no branch {', '.join(sorted(lacking[nearest]))} "
                f"(its branches: {', '.join(file[nearest].keys()) or 'none'}); check that the file "
                f"has the layout {self.layout.name}"
            )
        if len(whole) > 1:
            raise UserError(
                f"{self.path} has several trees with these branches ({', '.join(whole)}); set tree "
                f"in layout {self.layout.name} to one of them"
            )
        return file[whole[0]]

    def labels(self) -> NDArray[np.floating]:
        """Return the labels of all events, shape (events), without checking their values."""
        key = label_key(self.layout)
        everything = RootPiece(self.path, self.layout, self.tree, (0, self.events))
        column = everything.read([key], 0, self.events)[key]
        return Nested(self.path, self.layout).numbers(column, key)

    def pieces(self, events: int) -> Iterator["RootPiece"]:
        """Yield all events in order, in pieces of whole baskets (or clusters) of images.

        A piece has as many of them as fit in ``events``, but at least one.
        """
        first = 0
        while first < len(self.bounds) - 1:
            most = self.bounds[first] + events
            last = int(np.searchsorted(self.bounds, most, side="right")) - 1
            last = max(last, first + 1)
            bounds = self.bounds[first : last + 1]
            yield RootPiece(self.path, self.layout, self.tree, tuple(bounds))
            first = last


@dataclass(frozen=True)
class RootPiece:
    """Consecutive whole baskets of a tree; ``bounds`` are their first events, and the end."""

    path: Path
    layout: Layout
    tree: str
    bounds: tuple[int, ...]

    @property
    def start(self) -> int:
        """The index of the first event within the file."""
        return self.bounds[0]

    @property
    def stop(self) -> int:
        """The index after that of the last event."""
        return self.bounds[-1]

    def blocks(self, events: int) -> Iterator[Block]:
        """Yield all events in order, at most ``events`` per block; decode each event once."""
        nested = Nested(self.path, self.layout)
        scalars = [scalar.in_file for scalar in self.layout.scalars]
        # Baskets of numbers have many more events than those of images, so numbers are read once.
        numbers = self.read(scalars, self.start, self.stop)
        for start, stop in _parts(self.bounds, events):
            images = self.read(self.layout.image_keys, start, stop)
            for first in range(start, stop, events):
                last = min(first + events, stop)
                block = {key: images[key][first - start : last - start] for key in images}
                block |= {
                    key: numbers[key][first - self.start : last - self.start] for key in numbers
                }
                yield nested.block(last - first, block.__getitem__)

    def read(self, keys: Sequence[str], start: int, stop: int) -> dict[str, pa.Array]:
        """Return the branches ``keys`` of the events from ``start`` up to ``stop``."""
        with reading_root(self.path), opened(self.path) as file:
            columns = columns_of(file[self.tree], keys, start, stop)
        if any(len(column) != stop - start for column in columns.values()):
            raise UserError(
                f"{self.path} is damaged: its branches have fewer events than its tree; fetch or "
                "write it again"
            )
        return columns


def _parts(bounds: Sequence[int], events: int) -> Iterator[tuple[int, int]]:
    """Yield ranges of whole baskets with up to ``events`` each, or with one basket."""
    start = bounds[0]
    for here, following in zip(bounds[1:], [*bounds[2:], None], strict=True):
        if following is None or following - start > events:
            yield start, here
            start = here


@contextmanager
def reading_root(path: Path) -> Iterator[None]:
    """Turn any error while uproot reads the file ``path`` into one UserError."""
    try:
        yield
    except UserError:
        raise
    # uproot and its codecs raise errors of nearly every kind at damaged bytes.
    except Exception as error:
        refuse_other_kinds(path)
        text = " ".join(str(error).split()) or type(error).__name__
        raise UserError(
            f"{path} cannot be read as a ROOT file ({text[:300]}); fetch or write it again"
        ) from None


def opened(path: Path) -> Any:
    """Open a ROOT file without the threads and caches that uproot would make."""
    return uproot.open(
        path, handler=uproot.MemmapSource, object_cache=None, array_cache=None, num_workers=1
    )


def trees_of(file: Any) -> list[str]:
    """Return the names of the trees in a file, also of those in its folders."""
    kinds = file.classnames(cycle=False)
    return sorted(name for name, kind in kinds.items() if kind in TREES)


def boundaries(tree: Any, key: str) -> list[int]:
    """Return the first events of all baskets of a branch, or of all clusters, and the end."""
    if hasattr(tree, "cluster_summaries"):
        starts = [int(summary.num_first_entry) for summary in tree.cluster_summaries]
        bounds = [*starts, int(tree.num_entries)]
    else:
        bounds = [int(offset) for offset in tree[key].entry_offsets]
    if bounds[0] != 0 or bounds[-1] != tree.num_entries or any(np.diff(bounds) < 0):
        raise ValueError(f"the baskets of {key} do not have the events of the tree")
    return sorted(set(bounds))


def columns_of(tree: Any, keys: Sequence[str], start: int, stop: int) -> dict[str, pa.Array]:
    """Return branches of a tree, or fields of an RNTuple, as arrays of Arrow."""
    if not keys:
        return {}
    read = tree.arrays(
        filter_name=lambda name: name in keys,
        entry_start=start,
        entry_stop=stop,
        how=dict,
        library="ak",
    )
    return {key: _as_arrow(read[key]) for key in keys}


def _as_arrow(values: Any) -> pa.Array:
    """Return values without the axis of length 1 that numbers sometimes have."""
    if values.layout.is_numpy and values.layout.inner_shape == (1,):
        values = values[:, 0]
    array = ak.to_arrow(values, list_to32=False, extensionarray=False)
    return array.combine_chunks() if isinstance(array, pa.ChunkedArray) else array
