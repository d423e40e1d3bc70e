"""predictions.parquet: the score of every event of the dataset, each event exactly once.

========  =======  =============================================
column    type     meaning
========  =======  =============================================
event     int64    index of the event in the packed store
split     string   "train", "validation" or "test"
label     uint8    the true class, 0 or 1
score     float32  the model's probability of class 1
========  =======  =============================================
"""

from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from calobatch.arrow_view import reading_arrow
from calobatch.atomic import atomic_path
from calobatch.config.models import SPLITS
from calobatch.store import Store


class Predictions(NamedTuple):
    """The true classes and the scores of one split, both (events)."""

    label: NDArray[np.uint8]
    score: NDArray[np.float32]


def write_predictions(store: Store, scores: NDArray[np.float32], path: Path) -> None:
    """Write the ``scores`` (events) of all events of a store, either the whole file or nothing."""
    split = pa.DictionaryArray.from_arrays(pa.array(store.split.astype(np.int8)), list(SPLITS))
    table = pa.table(
        {
            "event": np.arange(len(store), dtype=np.int64),
            "split": split.cast(pa.string()),
            "label": store.label,
            "score": scores,
        }
    )
    with atomic_path(path) as partial:
        pq.write_table(table, partial)


def read_predictions(path: Path) -> dict[str, Predictions]:
    """Return the predictions of each split. Raises UserError if the file is missing or damaged."""
    with reading_arrow(path, "train again"):
        table = pq.read_table(path, columns=["split", "label", "score"])
        split = table["split"].to_numpy()
        if unknown := set(table["split"].unique().to_pylist()) - set(SPLITS):
            raise ValueError(f"it has events of a split {unknown.pop()!r}")
    label, score = table["label"].to_numpy(), table["score"].to_numpy()
    return {name: Predictions(label[split == name], score[split == name]) for name in SPLITS}
