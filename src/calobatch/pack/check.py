"""Check the values of a raw file before they are packed."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from calobatch.errors import UserError
from calobatch.layouts import Layout
from calobatch.pack.sparsify import Hits
from calobatch.raw.interface import COUNT_FROM_ONE, RawFile, count_from_one

# The public files are exactly balanced. In a user's own selection the share of a class may differ
# by this much, plus three standard deviations of a random draw, so that a few events can be packed.
BALANCE_TOLERANCE = 0.02
_CHECK = "check that the file was written to its end, and that zero_below fits its units"


def check_labels(
    labels: NDArray[np.floating], file: str, layout: Layout, declared: int | None
) -> None:
    """Check that all labels are those of classes, and equal to ``declared`` unless that is None.

    ``declared`` is the label that the dataset table gives for the whole file. Raises a UserError
    that names the file and the first wrong event, or says that the file has no events.
    """
    if not len(labels):
        raise UserError(f"{file} has no events; delete it, and fetch or simulate it again")
    wrong = ~np.isin(labels, np.arange(len(layout.classes)))
    if wrong.any():
        where = int(np.flatnonzero(wrong)[0])
        count = len(layout.classes)
        hint = f" ({COUNT_FROM_ONE})" if count_from_one(labels, count) else ""
        meanings = [f"{number} ({name})" for number, name in enumerate(layout.classes)]
        raise UserError(
            f"{file}: event {where} has label {labels[where]:g}, expected "
            f"{', '.join(meanings[:-1])} or {meanings[-1]}{hint}; correct the labels, or the "
            f"classes of layout {layout.name}"
        )
    if declared is not None and np.any(labels != declared):
        where = int(np.flatnonzero(labels != declared)[0])
        raise UserError(
            f"{file}: event {where} has label {labels[where]:.0f}, but config/datasets.csv "
            f"declares label {declared} for the whole file; check that it is not the file of the "
            "other class"
        )


def check_balance(labels: NDArray[np.floating], layout: Layout, dataset: str) -> None:
    """Raise a UserError if the share of a class is not the one that the layout declares."""
    for label, (name, share) in enumerate(zip(layout.classes, layout.shares or (), strict=False)):
        found = float(np.mean(labels == label))
        spread = np.sqrt(share * (1 - share) / len(labels))
        if abs(found - share) > BALANCE_TOLERANCE + 3 * spread:
            raise UserError(
                f"dataset {dataset}: {found:.1%} of the events are of class {name}, expected "
                f"{share:.0%}; check that no file is missing and that no class is listed twice, or "
                "set check_balance: false for the dataset if this is intended"
            )


def check_not_empty(
    hits_per_event: NDArray[np.int64],
    labels: NDArray[np.float64],
    raws: Sequence[RawFile],
    layout: Layout,
    zero_below: float,
) -> None:
    """Raise a UserError if all images of a file, or all images of a class, have no hit.

    ``hits_per_event`` and ``labels`` cover the events of all files, in their order.
    """
    threshold = f" (pixels below {zero_below:g} count as zero)" if zero_below else ""
    first = 0
    for raw in raws:
        if not hits_per_event[first : first + raw.events].any():
            raise UserError(f"{raw.path}: all {raw.events} images are empty{threshold}; {_CHECK}")
        first += raw.events
    for label, name in enumerate(layout.classes):
        of_class = hits_per_event[labels == label]
        if len(of_class) and not of_class.any():
            raise UserError(
                f"all {len(of_class)} images of class {label} ({name}) are empty{threshold}; "
                f"{_CHECK}"
            )


def check_values(hits: Hits, scalars_BS: NDArray[np.float64], first_event: int, file: str) -> None:
    """Raise a UserError if a value of a block is not finite as float32.

    ``first_event`` is the index of the block's first event in the file, for the message. Pixels
    that are no hits are zero and need no check.
    """
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
                f"{file}: event {event} has a value that is not finite as float32 ({name}); remove "
                "the event from the file, or fetch the file again"
            )
