"""Pack a dataset: check the raw files, decide the split, stream the images into the store."""

import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import partial
from itertools import groupby
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from calobatch.config.dataset import Reweight, Split
from calobatch.layouts import Layout
from calobatch.pack.check import check_balance, check_not_empty
from calobatch.pack.check_files import check_contents_differ, check_names_differ
from calobatch.pack.identify import identify
from calobatch.pack.labels import open_files, read_labels
from calobatch.pack.pack_piece import Packed, PieceToPack, listed, pack_piece
from calobatch.pack.repeats import tell_repeats
from calobatch.pack.split import TRAIN, assign_groups, assign_splits, check_groups
from calobatch.pack.statistics import channel_statistics, scalar_statistics
from calobatch.pack.sums import Sums
from calobatch.pack.weights import check_classes_count, check_weights, event_weights
from calobatch.pack.write import StoreWriter
from calobatch.progress import Progress
from calobatch.public.pins import Expected
from calobatch.raw.interface import RawFile
from calobatch.raw.open_raw import read_column
from calobatch.store import FORMATS, Manifest, Source, split_of_fold
from calobatch.store_structure import count_events
from calobatch.workers import Workers

# A block is what one process holds as dense images: 16 jets (6 MB as the doubles of a parquet file)
# or 366 crops (3 MB). It is small enough for the processor's cache.
PIXELS_PER_BLOCK = 750_000
# A worker opens the file again for every piece, which takes as long as decoding a few events. With
# several blocks per piece this does not matter.
BLOCKS_PER_PIECE = 8
# A worker returns all hits of a piece at once. If a file cannot be divided and a piece has more
# blocks than this, its hits would need too much memory, so this process packs it block by block.
BLOCKS_PER_WORKER = 64


class Labels(NamedTuple):
    """What is known about all events before the first image is read; all of shape (events)."""

    label: NDArray[np.float64]
    official_test: NDArray[np.bool_]
    weight: NDArray[np.float64] | None  # None if the files have no weights


def pack(
    dataset: str,
    layout: Layout,
    files: Sequence[Path],
    folder: Path,
    *,
    split: Split,
    zero_below: float,
    reweight: Reweight | None = None,
    balanced: bool = True,
    declared_labels: Mapping[str, int] | None = None,
    file_labels: Mapping[str, int] | None = None,
    expected: Mapping[str, Expected] | None = None,
    workers: int = 1,
) -> Manifest:
    """Pack raw ``files``, in order, into the store ``folder``; return its manifest.

    ``declared_labels`` has, by file name, the label that all events of a file must have,
    ``file_labels`` that of all events of a file without labels, and ``expected`` its size and
    SHA-256; files may be missing from all three. The classes must be as ``balanced`` as the
    layout says, unless that is false. Raises a UserError that names the file if a
    check fails; an older store in ``folder`` then stays as it was.

    Memory does not grow with the number of images: this process and each worker hold one block, and
    the smallest part of the file that can be decoded (a page of parquet, a chunk of HDF5). Measured
    over all processes (Pss) with 1, 2 and 8 workers: 0.14, 0.31 and 0.89 GB for full jets; 0.19,
    0.27 and 0.73 GB for 297,980 row groups of small images; 0.17, 0.44 and 1.4 GB for crops in
    chunks of 9,960. At the end the hits are mapped from disk; these pages count as memory too, but
    the kernel takes them back when memory is short.
    """
    check_names_differ(files)
    given = file_labels or {}
    raws = open_files(files, layout, given)
    # Workers take a while to start, mostly for imports. They start now and import what they will
    # need, while this process computes the checksums of the files.
    modules = [pack_piece.__module__, *{type(raw).__module__ for raw in raws}]
    with Workers(workers, modules) as pool:
        identities = [identify(file, (expected or {}).get(file.name)) for file in files]
        check_contents_differ(files, identities)
        by_file = split.by == "file"
        known = _known(dataset, layout, raws, declared_labels or {}, given, by_file=by_file)
        if balanced:
            check_balance(known.label, layout, dataset)
        assigned = _assign(known, raws, split, layout.classes)
        # With folds, every event is sometimes trained on.
        training = np.ones(len(assigned), bool) if split.folds else assigned == TRAIN
        with StoreWriter(folder) as writer:
            blocks = _packed(raws, training, layout, zero_below, pool)
            progress = Progress(f"pack {dataset}", len(assigned), "events")
            sums, keys = _write_blocks(blocks, writer, progress, len(layout.channels))
            # The next step maps all hits, which counts as memory. The workers end first, so that
            # their memory is free by then.
            pool.close()
            check_not_empty(writer.hits_per_event(), known.label, raws, layout, zero_below)
            _tell_empty_channels(dataset, layout, sums)
            repeats = tell_repeats(dataset, keys, assigned, raws, split)
            label = known.label.astype(np.uint8)
            scalars_BS = writer.scalars()
            weight = event_weights(
                dataset, known.weight, scalars_BS, label, training, layout, reweight
            )
            if weight is not None:
                check_classes_count(dataset, weight, label, assigned, split, layout, reweight)
            events_sha256 = writer.finish_events(layout, label, assigned, weight)
            manifest = Manifest(
                format=FORMATS[-1],
                dataset=dataset,
                layout=layout,
                simulated=any(raw.simulated for raw in raws),
                zero_below=zero_below,
                split=split,
                reweight=reweight,
                official_test_files=tuple(
                    f.name for f in files if by_file and _is_official_test(f, layout)
                ),
                counts=count_events(known.label, assigned, layout.classes, split.parts),
                channels=channel_statistics(layout, sums),
                scalars=scalar_statistics(layout, scalars_BS[training]),
                scalars_of_folds=tuple(
                    scalar_statistics(layout, scalars_BS[of_fold == TRAIN])
                    for of_fold in (split_of_fold(assigned, k, split) for k in split.fold_numbers)
                ),
                sources=tuple(
                    Source(file=raw.path.name, bytes=of.bytes, sha256=of.sha256, events=raw.events)
                    for raw, of in zip(raws, identities, strict=True)
                ),
                repeats=repeats,
                events_sha256=events_sha256,
            )
            writer.publish(manifest)
    return manifest


def _assign(
    known: Labels, raws: Sequence[RawFile], split: Split, classes: Sequence[str]
) -> NDArray[np.uint8]:
    """Return the part of each event, shape (events): an index into ``split.parts``."""
    groups = None
    if split.by == "column":
        groups = np.concatenate([read_column(raw, split.column) for raw in raws])
        check_groups(groups, split)
    if split.folds:
        # scikit-learn takes a second to import, and memory that other datasets do not need.
        from calobatch.pack.folds import assign_folds

        return assign_folds(known.label, groups, split, classes)
    if groups is not None:
        return assign_groups(known.label, groups, split, classes)
    return assign_splits(known.label, known.official_test, split, classes)


def _known(
    dataset: str,
    layout: Layout,
    raws: Sequence[RawFile],
    declared: Mapping[str, int],
    given: Mapping[str, int],
    *,
    by_file: bool,
) -> Labels:
    """Read and check the labels and the weights of all files.

    No event is official test data unless ``by_file``.
    """
    label = read_labels(dataset, layout, raws, declared, given)
    official = [
        np.full(raw.events, by_file and _is_official_test(raw.path, layout)) for raw in raws
    ]
    weight = None
    if layout.weight is not None:
        of_files = [read_column(raw, layout.weight) for raw in raws]
        weight = np.concatenate(of_files).astype(np.float64)
        check_weights(weight, raws)
    return Labels(label=label, official_test=np.concatenate(official), weight=weight)


def _tell_empty_channels(dataset: str, layout: Layout, sums: Sums) -> None:
    """Print which channels have no hit in any training event. A detector may have been off."""
    empty = [c.name for c, hits in zip(layout.channels, sums.hits, strict=True) if not hits]
    if empty:
        print(
            f"pack {dataset}: all pixels of the training split are zero in {', '.join(empty)}; "
            "check the files if that is not intended",
            file=sys.stderr,
        )


def _is_official_test(path: Path, layout: Layout) -> bool:
    mark = layout.official_test_mark
    return mark is not None and mark in path.name


def _packed(
    raws: Iterable[RawFile],
    training: NDArray[np.bool_],
    layout: Layout,
    zero_below: float,
    pool: Workers,
) -> Iterator[Packed]:
    """Yield all blocks in order.

    The blocks do not depend on the number of workers. The sums are therefore added in the same
    order, and the statistics are the same to the last bit.
    """
    events = max(PIXELS_PER_BLOCK // layout.pixels, 1)
    pack_one = partial(pack_piece, layout=layout, events=events, zero_below=zero_below)
    long = BLOCKS_PER_WORKER * events
    pieces = _pieces(raws, training, BLOCKS_PER_PIECE * events)
    # groupby keeps the order: runs of short pieces go to the workers, long pieces are packed here.
    for is_long, run in groupby(pieces, lambda piece: len(piece.training) > long):
        if is_long:
            for piece in run:
                yield from pack_one(piece)
        else:
            for packed in pool.map_in_order(partial(listed, pack_one), run):
                yield from packed


def _pieces(
    raws: Iterable[RawFile], training: NDArray[np.bool_], events: int
) -> Iterator[PieceToPack]:
    """Yield the pieces of all files in order, each with its part of ``training``."""
    first = 0
    for raw in raws:
        for piece in raw.pieces(events):
            yield PieceToPack(piece, training[first + piece.start : first + piece.stop])
        first += raw.events


def _write_blocks(
    blocks: Iterable[Packed], writer: StoreWriter, progress: Progress, channels: int
) -> tuple[Sums, NDArray[np.uint64]]:
    """Write all blocks; return the sums over their training events, and a hash of each image."""
    sums, keys = Sums.of_none(channels), []
    with progress:
        for packed in blocks:
            writer.add(packed.hits, packed.scalars_BS)
            sums = sums.plus(packed.sums)
            keys.append(packed.keys)
            progress.advance(len(packed.scalars_BS))
    return sums, np.concatenate(keys)
