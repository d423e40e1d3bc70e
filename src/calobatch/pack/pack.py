"""Pack a dataset: check everything, decide the split, stream the images into the store."""

from collections.abc import Iterator, Sequence
from functools import lru_cache, partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from calobatch.checksum import sha256_of
from calobatch.config.models import SPLITS, Split
from calobatch.errors import UserError
from calobatch.layouts import Layout
from calobatch.pack.check import check_balance, check_block, check_labels
from calobatch.pack.raw import RawFile, open_raw
from calobatch.pack.sparsify import Hits, sparsify
from calobatch.pack.split import TRAIN, assign_splits
from calobatch.pack.statistics import RunningStatistics, scalar_statistics
from calobatch.pack.write import StoreWriter
from calobatch.progress import Progress
from calobatch.store import FORMAT, Manifest, Source
from calobatch.workers import map_in_order

# One block of jets is 24 MB as float32 and 48 MB as the doubles of a parquet file.
PIXELS_A_BLOCK = 6_000_000


class Piece(NamedTuple):
    """Consecutive events of one raw file, packed by one worker."""

    path: Path
    start: int
    stop: int


class Labels(NamedTuple):
    """What is known of all events before an image is read."""

    label: NDArray[np.float64]
    official_test: NDArray[np.bool_]
    events: tuple[int, ...]
    simulated: bool


def pack(
    dataset: str,
    layout: Layout,
    files: Sequence[Path],
    folder: Path,
    *,
    split: Split,
    zero_below: float,
    declared_labels: dict[str, int] | None = None,
    workers: int = 1,
) -> Manifest:
    """Pack raw ``files``, in order, into the store ``folder``; return its manifest.

    ``declared_labels``: the label of all events of a file, by file name, where it is known.
    Memory does not grow with the images: each worker holds one block. Raises a UserError that
    names the file if anything is off; then no store is left behind.
    """
    _check_files_differ(files)
    known = _read_labels(layout, files, declared_labels or {})
    check_balance(known.label, layout, dataset)
    assigned = assign_splits(known.label, known.official_test, split)
    statistics = RunningStatistics(layout)
    with StoreWriter(folder) as writer, Progress(f"pack {dataset}", len(assigned), "events") as bar:
        pieces = _pieces(layout, files, known.events)
        done = 0
        for hits, scalars_BS in _packed(pieces, layout, zero_below, workers):
            count = len(hits.per_event)
            statistics.add(hits, assigned[done : done + count] == TRAIN)
            writer.add(hits, scalars_BS)
            done += count
            bar.advance(count)
        scalars_BS = writer.scalars()
        events_sha256 = writer.finish_events(layout, known.label.astype(np.uint8), assigned)
        manifest = Manifest(
            format=FORMAT,
            dataset=dataset,
            layout=layout.name,
            simulated=known.simulated,
            shape=layout.shape,
            classes=layout.classes,
            zero_below=zero_below,
            split=split,
            official_test_files=tuple(f.name for f in files if _is_official_test(f, layout)),
            counts=_counts(layout, known.label, assigned),
            channels=statistics.channels(),
            scalars=scalar_statistics(layout, scalars_BS[assigned == TRAIN]),
            sources=tuple(
                Source(file=f.name, bytes=f.stat().st_size, sha256=sha256_of(f), events=n)
                for f, n in zip(files, known.events, strict=True)
            ),
            events_sha256=events_sha256,
        )
        writer.publish(manifest)
    return manifest


def _check_files_differ(files: Sequence[Path]) -> None:
    """Refuse a file named twice: its events could be in the training and in the test split."""
    names = [file.name for file in files]
    for name in names:
        if names.count(name) > 1:
            raise UserError(f"{name} is listed twice; name each file once")


def _read_labels(layout: Layout, files: Sequence[Path], declared: dict[str, int]) -> Labels:
    labels, official, simulated = [], [], []
    for path in files:
        raw = open_raw(path, layout)
        of_file = raw.labels()
        raw.close()
        check_labels(of_file, str(path), declared.get(path.name))
        labels.append(of_file)
        official.append(np.full(len(of_file), _is_official_test(path, layout)))
        simulated.append(raw.simulated)
    return Labels(
        label=np.concatenate(labels),
        official_test=np.concatenate(official),
        events=tuple(len(of_file) for of_file in labels),
        simulated=any(simulated),
    )


def _is_official_test(path: Path, layout: Layout) -> bool:
    mark = layout.official_test_mark
    return mark is not None and mark in path.name


def _pieces(layout: Layout, files: Sequence[Path], events: Sequence[int]) -> list[Piece]:
    step = max(PIXELS_A_BLOCK // layout.pixels, 1)
    return [
        Piece(path, start, min(start + step, count))
        for path, count in zip(files, events, strict=True)
        for start in range(0, count, step)
    ]


def _packed(
    pieces: Sequence[Piece], layout: Layout, zero_below: float, workers: int
) -> Iterator[tuple[Hits, NDArray[np.float64]]]:
    """Yield the hits and scalars of each piece, in order."""
    try:
        pack_piece = partial(_pack_piece, layout=layout, zero_below=zero_below)
        yield from map_in_order(pack_piece, pieces, workers)
    finally:
        _kept_open.cache_clear()


def _pack_piece(
    piece: Piece, layout: Layout, zero_below: float
) -> tuple[Hits, NDArray[np.float64]]:
    block = _kept_open(piece.path, layout).read(piece.start, piece.stop)
    check_block(block, piece.start, str(piece.path))
    return sparsify(block.image_BCHW, zero_below), block.scalars_BS


@lru_cache(maxsize=1)
def _kept_open(path: Path, layout: Layout) -> RawFile:
    """Open a file once for all its pieces: the index of 300,000 row groups takes seconds."""
    return open_raw(path, layout)


def _counts(
    layout: Layout, labels: NDArray[np.float64], assigned: NDArray[np.uint8]
) -> dict[str, dict[str, int]]:
    return {
        split: {
            name: int(np.sum((assigned == index) & (labels == label)))
            for label, name in enumerate(layout.classes)
        }
        for index, split in enumerate(SPLITS)
    }
