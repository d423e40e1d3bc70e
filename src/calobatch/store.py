"""The packed store: one dataset as sparse, memory-mapped events, and a manifest beside them.

This is the contract between pack, which writes a store, and the stages that read one. Nothing here
imports torch. ``events.arrow`` is an Arrow IPC file with one record batch and one row per event:

========  ================================  ====================================================
column    type                              meaning
========  ================================  ====================================================
hits      large_list<pixel: uint16 or 32,   the non-zero values; ``pixel`` is the index into the
          value: float32>                   image of shape (channels, rows, columns), C order
label     uint8                             index into the classes of the layout
split     uint8                             index into ("train", "validation", "test"); with
                                            folds, into ("part 1", "part 2", ...)
weight    float64                           only if events have weights; their mean over the
                                            training split is 1, with folds that over all events
<scalar>  float64                           one column per scalar of the layout
========  ================================  ====================================================

Events keep the order of the source files, so that event k can be found in its source again.
Tensor names: B events, C channels, H rows (eta), W columns (phi), S scalars.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, ClassVar

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from pydantic import BeforeValidator, Field, model_validator

from calobatch.arrow_view import reading_arrow, view
from calobatch.config.dataset import SPLITS, Reweight, Split
from calobatch.config.layout_file import by_name
from calobatch.errors import UserError, reading
from calobatch.known_sha256 import known_sha256
from calobatch.layouts import Layout
from calobatch.record import Record, checked_content
from calobatch.scalars import ScalarStatistics
from calobatch.store_files import EVENTS_FILE, MANIFEST_FILE
from calobatch.store_structure import check_structure, count_events

# A manifest of format 1 has the name of the layout, and one of format 2 all of it. The numbers of
# pixels of format 1 have 16 bits.
FORMATS = (1, 2)
FIX = "pack the dataset again"


class Source(Record):
    """A raw file that was packed into the store."""

    file: str
    bytes: int
    sha256: str
    events: int


class ChannelStatistics(Record):
    """One channel over all pixels of the training split, in ``unit``.

    ``fill`` is the share of pixels that are not zero. Zeros count in all other numbers too.
    """

    name: str
    unit: str
    fill: float
    mean: float
    std: float
    minimum: float
    maximum: float


class Manifest(Record):
    """What the store holds and where it came from.

    ``simulated`` is true if one of the raw files says that it is simulated by calobatch, and
    ``counts`` has the number of events per split and class. ``channels`` and ``scalars`` are
    statistics in which all events count the same, whatever their weights. With folds, ``counts``
    has the parts, ``channels`` and ``scalars`` cover all events, and ``scalars_of_folds`` has the
    statistics of the training split of each fold. ``repeats`` is the number of events that have the
    same image as an event of another part.
    """

    fix: ClassVar[str] = FIX

    format: int
    dataset: str
    layout: Annotated[Layout, BeforeValidator(by_name)]
    simulated: bool
    zero_below: float
    split: Split
    reweight: Reweight | None = Field(None, exclude_if=lambda reweight: reweight is None)
    official_test_files: tuple[str, ...]
    counts: dict[str, dict[str, int]]
    channels: tuple[ChannelStatistics, ...]
    scalars: tuple[ScalarStatistics, ...]
    scalars_of_folds: tuple[tuple[ScalarStatistics, ...], ...] = Field(
        (), exclude_if=lambda scalars: not scalars
    )
    sources: tuple[Source, ...]
    repeats: int = Field(0, exclude_if=lambda number: not number)
    events_sha256: str

    @model_validator(mode="before")
    @classmethod
    def _without_copies(cls, content: Any) -> Any:
        """Drop what manifests of format 1 repeat from their layout."""
        if isinstance(content, dict) and content.get("format") == 1:
            return {key: value for key, value in content.items() if key not in ("shape", "classes")}
        return content

    @property
    def classes(self) -> tuple[str, ...]:
        """The names of the classes; the first has label 0."""
        return self.layout.classes

    @property
    def weighted(self) -> bool:
        """Whether events have weights."""
        return self.layout.weight is not None or self.reweight is not None

    @property
    def weights(self) -> str:
        """What the weight of an event is, in words; empty if events have none."""
        factors = [f"the {self.layout.weight!r} of the raw files"] if self.layout.weight else []
        if self.reweight:
            where = "of all events" if self.split.folds else "in the training split"
            factors.append(
                f"a factor that makes the spectra of {self.reweight.scalar} {where} the same for "
                "all classes"
            )
        return " times ".join(factors)


@dataclass(frozen=True)
class Store:
    """A packed dataset: its manifest and memory-mapped, read-only arrays."""

    manifest: Manifest
    start: NDArray[np.int64]  # (events + 1): event k has the hits start[k] up to start[k + 1]
    pixel: NDArray[np.uint16] | NDArray[np.uint32]  # (hits)
    value: NDArray[np.float32]  # (hits)
    label: NDArray[np.uint8]  # (events)
    split: NDArray[np.uint8]  # (events)
    weight: NDArray[np.float64] | None  # (events), or None if all events count the same
    scalars_BS: NDArray[np.float64]  # (events, S)
    fold: int | None = None  # the fold that the splits are those of, from 1; None without folds

    @property
    def layout(self) -> Layout:
        """What the events look like."""
        return self.manifest.layout

    def __len__(self) -> int:
        return len(self.label)

    def events_of(self, split: str) -> NDArray[np.int64]:
        """Return the indices of the events of a split, in the order of the store."""
        return np.flatnonzero(self.split == SPLITS.index(split))

    def dense(self, events: NDArray[np.int64]) -> NDArray[np.float32]:
        """Return the images of ``events`` as dense arrays, shape (B, C, H, W)."""
        # All hits of all events in one array of positions, without a loop over events: for each hit
        # its number within the event, plus the first hit of the event.
        first, count = self.start[events], self.start[events + 1] - self.start[events]
        position = np.arange(count.sum()) - np.repeat(np.cumsum(count) - count, count)
        hits = position + np.repeat(first, count)
        image = np.zeros((len(events), self.layout.pixels), dtype=np.float32)
        image[np.repeat(np.arange(len(events)), count), self.pixel[hits]] = self.value[hits]
        return image.reshape(len(events), *self.layout.shape)


def pixel_type(pixels: int) -> type[np.unsignedinteger]:
    """Return the type of pixel numbers, given the pixels of an image: 16 bits if possible.

    The largest number marks pixels that a move takes out of an image.
    """
    return np.uint16 if pixels < 2**16 else np.uint32


def hit_type(layout: Layout) -> pa.DataType:
    """Return the type of a hit in a store."""
    return pa.struct(
        [
            pa.field("pixel", pa.from_numpy_dtype(pixel_type(layout.pixels)), nullable=False),
            pa.field("value", pa.float32(), nullable=False),
        ]
    )


def events_schema(layout: Layout, *, weighted: bool) -> pa.Schema:
    """Return the names and types of the columns of ``events.arrow``."""
    scalars = [(scalar.name, pa.float64()) for scalar in layout.scalars]
    columns = [
        ("hits", pa.large_list(hit_type(layout))),
        ("label", pa.uint8()),
        ("split", pa.uint8()),
    ]
    weights = [("weight", pa.float64())] if weighted else []
    return pa.schema(columns + weights + scalars)


def split_of_fold(part: NDArray[np.uint8], fold: int, split: Split) -> NDArray[np.uint8]:
    """Return the split of each event in a fold, shape (events): an index into SPLITS.

    ``part`` has the part of each event, an index into ``split.parts``. Fold k is tested on part k,
    validated on the next one, and trained on all others.
    """
    of_fold = np.full(len(part), SPLITS.index("train"), np.uint8)
    of_fold[part == fold - 1] = SPLITS.index("test")
    of_fold[part == fold % len(split.parts)] = SPLITS.index("validation")
    return of_fold


def open_store(folder: Path, fold: int | None = None) -> Store:
    """Open a packed store, memory-mapped, and check that its events are those that were packed.

    A store with folds is opened for a ``fold``, counted from 1: its splits, numbers of events and
    statistics of scalars are then those of the fold. The first process that opens a store reads
    the whole file (:mod:`calobatch.known_sha256`). Raises a UserError if a file is missing, damaged
    or in a different format, if the two files do not belong together, or if there is no such fold.
    """
    manifest = read_manifest(folder)
    _check_fold(manifest, fold, folder)
    layout = manifest.layout
    path = folder / EVENTS_FILE
    with reading_arrow(path, FIX):
        if known_sha256(path) != manifest.events_sha256:
            raise ValueError(f"its SHA-256 is not the one in {MANIFEST_FILE}, so it has changed")
        file = pa.ipc.open_file(pa.memory_map(str(path)))
        schema = events_schema(layout, weighted=manifest.weighted)
        if file.schema != schema or file.num_record_batches != 1:
            raise ValueError("it does not have the columns of a packed store")
        batch = file.get_batch(0)
        check_structure(batch, layout, len(manifest.split.parts))
        label, split = view(batch.column("label")), view(batch.column("split"))
        if count_events(label, split, manifest.classes, manifest.split.parts) != manifest.counts:
            raise ValueError(f"its numbers of events are not those in {MANIFEST_FILE}")
        hits = batch.column("hits")
        weight = view(batch.column("weight")) if manifest.weighted else None
        scalars = [view(batch.column(scalar.name)) for scalar in layout.scalars]
    if fold is not None:
        split = split_of_fold(split, fold, manifest.split)
        scalars_of_fold = manifest.scalars_of_folds[fold - 1]
        counts = count_events(label, split, manifest.classes, SPLITS)
        manifest = manifest.model_copy(update={"counts": counts, "scalars": scalars_of_fold})
    return Store(
        manifest=manifest,
        start=view(hits.offsets),
        pixel=view(hits.values.field("pixel")),
        value=view(hits.values.field("value")),
        label=label,
        split=split,
        weight=weight,
        scalars_BS=np.stack(scalars, axis=1) if scalars else np.zeros((len(label), 0)),
        fold=fold,
    )


def _check_fold(manifest: Manifest, fold: int | None, folder: Path) -> None:
    folds = manifest.split.fold_numbers
    if fold is None and not folds:
        return
    if not folds:
        raise UserError(f"{folder} has no folds, but fold {fold} was requested; leave it out")
    if fold not in folds:
        asked = "none was" if fold is None else f"{fold} was"
        raise UserError(
            f"{folder} has folds 1 to {len(folds)}, but {asked} requested; name one of them"
        )


def read_manifest(folder: Path) -> Manifest:
    """Read the manifest of the store in ``folder``; raise a UserError if it is not valid."""
    path = folder / MANIFEST_FILE
    with reading(path, FIX):
        content = checked_content(path.read_text(encoding="utf-8"))
        if isinstance(content, dict) and content.get("format") not in FORMATS:
            known = " or ".join(map(str, FORMATS))
            raise ValueError(f"it has format {content.get('format')}, expected {known}")
        return Manifest.model_validate(content)
