"""The checks of an event file that keep every reader inside its arrays.

Compiled code follows the offsets and the pixels of a store without asking where they lead, so a
wrong one would write to the memory of something else. The checks read each array once and take a
small part of the time that computing a checksum takes.
"""

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from calobatch.arrow_view import view
from calobatch.layouts import Layout


def check_structure(batch: pa.RecordBatch, layout: Layout, parts: int) -> None:
    """Raise a ValueError that says what is wrong if the events cannot be those of ``layout``.

    ``parts`` is the number of parts into which the events are divided, such as three splits.
    """
    # Whether each buffer is as long as its column says. The other checks rely on it.
    batch.validate(full=True)
    hits = batch.column("hits")
    if "weight" in batch.schema.names:
        check_weights(view(batch.column("weight")))
    columns = [*batch.columns, hits.values, hits.values.field("pixel"), hits.values.field("value")]
    if any(column.null_count for column in columns):
        raise ValueError("it has missing values")
    start, pixel = view(hits.offsets), view(hits.values.field("pixel"))
    if start[0] != 0 or start[-1] != len(pixel) or np.any(start[1:] < start[:-1]):
        raise ValueError("the hits of its events do not follow one another")
    for name, values, limit in (
        ("pixel", pixel, layout.pixels),
        ("label", view(batch.column("label")), len(layout.classes)),
        ("split", view(batch.column("split")), parts),
    ):
        if (largest := values.max(initial=0)) >= limit:
            raise ValueError(f"it has {name} {largest}, and the largest possible is {limit - 1}")


def check_weights(weight: NDArray[np.float64]) -> None:
    """Raise a ValueError if the weight of an event is negative or not finite."""
    if not np.all(np.isfinite(weight) & (weight >= 0)):
        raise ValueError("it has weights that are negative or not finite")


def count_events(
    label: NDArray[np.number],
    assigned: NDArray[np.uint8],
    classes: Sequence[str],
    parts: Sequence[str],
) -> dict[str, dict[str, int]]:
    """Return the number of events per part and class, by their names.

    ``assigned`` has the part of each event, an index into ``parts``.
    """
    return {
        name: {
            of_class: int(np.sum((assigned == index) & (label == number)))
            for number, of_class in enumerate(classes)
        }
        for index, name in enumerate(parts)
    }
