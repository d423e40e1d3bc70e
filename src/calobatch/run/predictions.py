"""predictions.parquet: the score of every event that a run was given, each event exactly once.

A training on a part of the training split has no scores of the others.

=============  =======  ====================================================
column         type     meaning
=============  =======  ====================================================
event          int64    index of the event in the packed store
split          string   "train", "validation" or "test"
label          uint8    the true class, an index into the layout's classes
weight         float64  the weight of the event; only if events have weights
score          float32  of two classes: the model's probability of class 1
score_<class>  float32  of more classes: the probability of each of them
=============  =======  ====================================================
"""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from calobatch.arrow_view import reading_arrow
from calobatch.atomic import atomic_path
from calobatch.config.dataset import SPLITS
from calobatch.layouts import Layout
from calobatch.store import Store

SCORE = "score"
WEIGHT = "weight"


class Predictions(NamedTuple):
    """The true classes (events) and the scores of one split (see ``run/decision.py``).

    ``weight``, shape (events), is None if all events count the same.
    """

    label: NDArray[np.uint8]
    score: NDArray[np.float32]
    weight: NDArray[np.float64] | None = None

    def subset(self, chosen: NDArray[np.bool_]) -> "Predictions":
        """Return the predictions of the ``chosen`` events, shape (events)."""
        weight = None if self.weight is None else self.weight[chosen]
        return Predictions(self.label[chosen], self.score[chosen], weight)


def write_predictions(
    store: Store, events: NDArray[np.int64], scores: NDArray[np.float32], path: Path
) -> None:
    """Write the ``scores`` of the ``events`` of a store, either the whole file or nothing."""
    numbers = pa.array(store.split[events].astype(np.int8))
    columns = {
        "event": events,
        "split": pa.DictionaryArray.from_arrays(numbers, list(SPLITS)).cast(pa.string()),
        "label": store.label[events],
    }
    if store.weight is not None:
        columns[WEIGHT] = store.weight[events]
    of_events = [scores] if scores.ndim == 1 else scores.T
    columns |= dict(zip(score_columns(store.layout), of_events, strict=True))
    table = pa.table(columns)
    with atomic_path(path) as partial:
        pq.write_table(table, partial)


def write_out_of_fold(files: Sequence[Path], path: Path) -> None:
    """Write the test predictions of all folds, given the ``files`` of fold 1, 2, ... in order.

    The columns are those of predictions.parquet, with ``fold`` in the place of ``split``. Events
    are in the order of the packed store. Raises UserError if a file is missing or damaged.
    """
    tested = []
    for fold, file in enumerate(files, start=1):
        with reading_arrow(file, "train again"):
            table = pq.read_table(file, filters=[("split", "=", "test")])
            numbers = pa.array(np.full(len(table), fold, np.uint8))
            place = table.column_names.index("split")
            tested.append(table.set_column(place, "fold", numbers))
    with atomic_path(path) as partial:
        pq.write_table(pa.concat_tables(tested).sort_by("event"), partial)


def read_predictions(path: Path) -> dict[str, Predictions]:
    """Return the predictions of each split. Raises UserError if the file is missing or damaged."""
    return predictions_of(read_table(path))


def read_table(path: Path) -> pa.Table:
    """Return the file's table. Raises UserError if the file is missing or damaged."""
    with reading_arrow(path, "train again"):
        table = pq.read_table(path)
        if unknown := set(table["split"].unique().to_pylist()) - set(SPLITS):
            raise ValueError(f"it has events of an unknown split {unknown.pop()!r}")
        scores_of(table)
    return table


def predictions_of(table: pa.Table) -> dict[str, Predictions]:
    """Return the predictions of each split in a table."""
    split = table["split"].to_numpy()
    weight = table[WEIGHT].to_numpy() if WEIGHT in table.column_names else None
    predictions = Predictions(table["label"].to_numpy(), scores_of(table), weight)
    return {name: predictions.subset(split == name) for name in SPLITS}


def read_events(path: Path, split: str) -> NDArray[np.int64]:
    """Return the events of a split, as indices into the store, in the order of its predictions.

    Raises UserError if the file is missing or damaged.
    """
    with reading_arrow(path, "train again"):
        table = pq.read_table(path, columns=["event"], filters=[("split", "=", split)])
        events: NDArray[np.int64] = table["event"].to_numpy()
    return events


def without_scores(table: pa.Table) -> pa.Table:
    """Return what a table has about its events: their index, split, true class and weight."""
    return table.select([name for name in table.column_names if not _has_scores(name)])


def write_with_scores(table: pa.Table, scores: NDArray[np.float32], path: Path) -> None:
    """Write a ``table`` with other ``scores`` of its events, either the whole file or nothing."""
    names = [name for name in table.column_names if _has_scores(name)]
    columns = dict(zip(names, [scores] if scores.ndim == 1 else scores.T, strict=True))
    for name, column in columns.items():
        place = table.column_names.index(name)
        table = table.set_column(place, name, pa.array(column))
    with atomic_path(path) as partial:
        pq.write_table(table, partial)


def score_columns(layout: Layout) -> list[str]:
    """Return the names of the columns with scores: one of two classes, one for each of more."""
    if len(layout.classes) == 2:
        return [SCORE]
    return [f"{SCORE}_{name}" for name in layout.classes]


def scores_of(table: pa.Table) -> NDArray[np.float32]:
    """Return the scores of a table; raise ValueError if it has none."""
    if SCORE in table.column_names:
        score: NDArray[np.float32] = table[SCORE].to_numpy()
        return score
    names = [name for name in table.column_names if _has_scores(name)]
    if len(names) < 2:
        raise ValueError(f"it has no column {SCORE}")
    return np.stack([table[name].to_numpy() for name in names], axis=1)


def _has_scores(column: str) -> bool:
    return column == SCORE or column.startswith(f"{SCORE}_")
