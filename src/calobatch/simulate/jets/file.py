"""Jets in the public parquet layout: nested lists of doubles, snappy, one row group per jet."""

from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from calobatch.simulate.jets.jets import Jets
from calobatch.simulate.stand_in import STATEMENT

NESTED_IMAGE = pa.list_(pa.list_(pa.list_(pa.float64())))


def write_jets(path: Path, blocks: Iterable[Jets], scalars: Sequence[str] = ("pt", "m0")) -> None:
    """Write the jets of all ``blocks``, in order, with these ``scalars``."""
    numbers = [(name, pa.float64()) for name in (*scalars, "y")]
    schema = pa.schema([("X_jets", NESTED_IMAGE), *numbers], metadata={"simulation": STATEMENT})
    with pq.ParquetWriter(path, schema, compression="snappy") as writer:
        for jets in blocks:
            values = [getattr(jets, name) for name in scalars]
            columns = [nested_lists(jets.image_BCHW), *values, jets.label]
            # One row group per jet is slow to write and to read, but the public files have it, and
            # pack must cope with it.
            writer.write_table(pa.table(columns, schema=schema), row_group_size=1)


def nested_lists(image_BCHW: NDArray[np.floating]) -> pa.Array:
    """Return images as list<list<list<double>>>.

    The flat pixels are wrapped in one list type per axis, from the last axis to the first, so that
    Python never touches a pixel.
    """
    lists = pa.array(image_BCHW.astype(np.float64).ravel())
    for length in reversed(image_BCHW.shape[1:]):
        offsets = np.arange(0, len(lists) + 1, length, dtype=np.int32)
        lists = pa.ListArray.from_arrays(pa.array(offsets), lists)
    return lists
