"""What every value of a raw file must satisfy before it is packed."""

import numpy as np
from numpy.typing import NDArray

from calobatch.errors import UserError
from calobatch.layouts import Layout
from calobatch.pack.sparsify import Hits

# The public files are exactly balanced; a user's own selection may stray by this much, plus three
# standard deviations of a random draw, so that a handful of events can be packed too.
BALANCE_TOLERANCE = 0.02


def check_labels(labels: NDArray[np.floating], file: str, declared: int | None) -> None:
    """Refuse labels other than 0 and 1, or than the one the dataset table declares, or none."""
    if not len(labels):
        raise UserError(f"{file} has no events; delete it, and fetch or simulate it again")
    wrong = ~np.isin(labels, (0.0, 1.0))
    if wrong.any():
        where = int(np.flatnonzero(wrong)[0])
        raise UserError(
            f"{file}: label {labels[where]} at event {where}; labels are 0 or 1: correct it, or "
            "fetch the file again"
        )
    if declared is not None and np.any(labels != declared):
        where = int(np.flatnonzero(labels != declared)[0])
        raise UserError(
            f"{file}: label {labels[where]:.0f} at event {where}, but config/datasets.csv declares "
            f"{declared} for all of it; is it the other class's file?"
        )


def check_balance(labels: NDArray[np.floating], layout: Layout, dataset: str) -> None:
    """Refuse a dataset whose share of class 1 is not the declared one."""
    share = float(labels.mean())
    p = layout.class_1_share
    if abs(share - p) > BALANCE_TOLERANCE + 3 * np.sqrt(p * (1 - p) / len(labels)):
        raise UserError(
            f"dataset {dataset}: {share:.1%} of the events are {layout.classes[1]}s, declared is "
            f"{p:.0%}; is a file missing, or one class listed twice?"
        )


def check_values(hits: Hits, scalars_BS: NDArray[np.float64], first_event: int, file: str) -> None:
    """Refuse values that are not finite as float32; zeros need no check."""
    event_of_hit = np.repeat(np.arange(len(hits.per_event)), hits.per_event)
    with np.errstate(over="ignore"):
        scalars = scalars_BS.astype(np.float32)
    event_of_scalar = np.repeat(np.arange(len(scalars)), scalars.shape[1])
    for name, values, events in (
        ("image", hits.value, event_of_hit),
        ("scalars", scalars.ravel(), event_of_scalar),
    ):
        finite = np.isfinite(values)
        if not finite.all():
            event = int(events[~finite][0]) + first_event
            raise UserError(
                f"{file}: a value that is not finite as float32 ({name} of event {event}); leave "
                "the event out of the file, or fetch it again"
            )
