"""Score the events of raw files with a finished training or an ensemble, without packing them.

The events get the scores that the training gave to the same events in its store: pixels below the
same threshold are zero, and scalars are scaled with the mean and spread of the training split.
"""

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from calobatch.atomic import atomic_path
from calobatch.errors import UserError
from calobatch.layouts import Layout
from calobatch.models.build import build_model, load_weights
from calobatch.models.inputs import ModelInputs
from calobatch.models.scoring import events_per_batch
from calobatch.progress import Progress
from calobatch.raw.interface import COUNT_FROM_ONE, Block, RawFile, count_from_one
from calobatch.raw.open_raw import open_raw, read_column
from calobatch.run.decision import as_scores
from calobatch.run.files import RECORD_FILE
from calobatch.run.predictions import score_columns
from calobatch.run.predictor import models_in
from calobatch.run.temperature import at_temperature
from calobatch.run.training import Preparation, RunRecord
from calobatch.scalars import standardised

BLOCKS_PER_PIECE = 8


class Member(NamedTuple):
    """The model of a training, what makes its inputs, and how its events were prepared."""

    model: nn.Module
    inputs: ModelInputs
    preparation: Preparation


def predict(folder: Path, files: Sequence[Path], output: Path, *, threads: int) -> None:
    """Write the scores of all events of raw ``files`` to ``output``, a parquet file.

    Its columns are file, event (the index in the file), label (the number of the class), weight (if
    the layout has one), and the scores as in predictions.parquet
    (:mod:`calobatch.run.predictions`). Labels and weights are missing where a file has none, and a
    label is missing if it is that of no class. Memory does not grow with
    the number of events. Raises UserError if ``folder`` is not that of a finished training or of an
    ensemble of some, or if a file does not have the layout of its events.
    """
    if output.suffix != ".parquet":
        raise UserError(
            f"{output}: scores are written as parquet; give it a name that ends in .parquet"
        )
    models = models_in(folder)
    layout = models.trainings[0][0].layout
    raws = [_opened(file, layout) for file in files]
    members = [_member(record, weights) for record, weights in models.trainings]
    torch.set_num_threads(threads)
    events = sum(raw.events for raw in raws)
    with (
        Progress(f"predict {models.name}", events, "events") as progress,
        atomic_path(output) as partial,
        pq.ParquetWriter(partial, _schema(layout)) as writer,
    ):
        for raw in raws:
            for table in _scored(raw, members, layout, models.temperature):
                writer.write_table(table)
                progress.advance(len(table))


def _member(record: RunRecord, weights: Path) -> Member:
    if record.preparation is None:
        raise UserError(
            f"{weights.with_name(RECORD_FILE)} does not say how events were prepared, because an "
            "older version wrote it; train again"
        )
    model = build_model(record.training.model, record.layout, record.training.model_options).eval()
    load_weights(model, weights)
    return Member(model, ModelInputs.of_model(model, record.layout), record.preparation)


def _opened(file: Path, layout: Layout) -> RawFile:
    """Open a file that may have labels and weights or not."""
    unlabelled = layout.model_copy(update={"label": None, "weight": None})
    try:
        return open_raw(file, unlabelled.model_copy(update={"label": layout.label}))
    except UserError:
        # If labels are all that it lacks, this succeeds; otherwise it says what else is wrong.
        return open_raw(file, unlabelled)


def _schema(layout: Layout) -> pa.Schema:
    scores = [(name, pa.float32()) for name in score_columns(layout)]
    weights = [("weight", pa.float64())] if layout.weight else []
    return pa.schema(
        [("file", pa.string()), ("event", pa.int64()), ("label", pa.uint8()), *weights, *scores]
    )


def _scored(
    raw: RawFile, members: Sequence[Member], layout: Layout, temperature: float | None
) -> Iterator[pa.Table]:
    events = events_per_batch(layout)
    labels, weights = _labels(raw), _weights(raw, layout)
    for piece in raw.pieces(events * BLOCKS_PER_PIECE):
        first = piece.start
        for block in piece.blocks(events):
            score = _scores(block, members, temperature)
            last = first + len(score)
            columns = [score] if score.ndim == 1 else score.T
            yield pa.table(
                [
                    pa.array([raw.path.name] * len(score)),
                    np.arange(first, last),
                    labels[first:last],
                    *(column[first:last] for column in weights),
                    *columns,
                ],
                schema=_schema(layout),
            )
            first = last


def _scores(
    block: Block, members: Sequence[Member], temperature: float | None
) -> NDArray[np.float32]:
    """Return the scores of events (run/decision.py): those of a training, or of an ensemble."""
    with torch.no_grad():
        found = [
            as_scores(torch.softmax(member.model(*_prepared(block, member)).float(), dim=1).numpy())
            for member in members
        ]
    if temperature is None:
        return found[0]
    mean: NDArray[np.float64] = np.mean(found, axis=0, dtype=np.float64)
    return at_temperature(mean, temperature).astype(np.float32)


def _labels(raw: RawFile) -> pa.Array:
    """Return the class of each event, missing where the file does not say one."""
    if raw.layout.label is None:
        return pa.nulls(raw.events, pa.uint8())
    found = raw.labels()
    known = np.isin(found, np.arange(len(raw.layout.classes)))
    if others := int(np.sum(~known)):
        hint = f"; {COUNT_FROM_ONE}" if count_from_one(found, len(raw.layout.classes)) else ""
        print(
            f"predict: {others:,} of {raw.events:,} events of {raw.path} have a {raw.layout.label} "
            f"that is not a class; the output has no label for them{hint}",
            file=sys.stderr,
        )
    return pa.array(np.where(known, found, 0).astype(np.uint8), mask=~known)


def _weights(raw: RawFile, layout: Layout) -> list[pa.Array]:
    """Return the column of weights, if the layout has one; all are missing if the file has none."""
    if layout.weight is None:
        return []
    try:
        return [pa.array(read_column(raw, layout.weight).astype(np.float64))]
    except UserError:
        return [pa.nulls(raw.events, pa.float64())]


def _prepared(block: Block, member: Member) -> tuple[Tensor, ...]:
    scalars_BS = standardised(block.scalars_BS, member.preparation.scalars)
    return member.inputs.of(_cleared(block.image_BCHW, member.preparation.zero_below), scalars_BS)


def _cleared(image_BCHW: NDArray[np.floating], zero_below: float) -> NDArray[np.float32]:
    """Return images as pack would have stored them."""
    with np.errstate(over="ignore"):
        cleared = np.ascontiguousarray(image_BCHW, dtype=np.float32)
    if cleared is image_BCHW:
        cleared = cleared.copy()
    cleared[np.abs(cleared) < np.float32(zero_below)] = 0
    return cleared
