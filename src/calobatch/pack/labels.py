"""The class of each event of a dataset: what its files say, or the class they are listed under."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from calobatch.errors import UserError
from calobatch.layouts import Layout
from calobatch.pack.check import check_labels
from calobatch.raw.interface import RawFile
from calobatch.raw.open_raw import open_raw


def open_files(files: Sequence[Path], layout: Layout, given: Mapping[str, int]) -> list[RawFile]:
    """Return readers of raw ``files``, which need no labels if their names are in ``given``."""
    without_labels = layout.model_copy(update={"label": None})
    return [open_raw(file, without_labels if file.name in given else layout) for file in files]


def read_labels(
    dataset: str,
    layout: Layout,
    raws: Sequence[RawFile],
    declared: Mapping[str, int],
    given: Mapping[str, int],
) -> NDArray[np.float64]:
    """Return the labels of the events of all files, shape (events).

    By file name, ``declared`` has the label that all events of a file must have, and ``given`` that
    of all events of a file without labels. Raises UserError if a label belongs to no class or
    is not the one that was given, or if a class has no event.
    """
    labels = []
    for raw in raws:
        label = given.get(raw.path.name)
        if label is not None:
            _check_given(raw, layout, label)
        of_file = raw.labels() if label is None else np.full(raw.events, float(label))
        check_labels(of_file, str(raw.path), layout, declared.get(raw.path.name))
        labels.append(of_file)
    everything = np.concatenate(labels)
    for label, name in enumerate(layout.classes):
        if not np.any(everything == label):
            raise UserError(
                f"dataset {dataset}: of its {len(everything):,} events, none is of class {label} "
                f"({name}); add files with events of this class, or remove it from layout "
                f"{layout.name}"
            )
    return everything


def _check_given(raw: RawFile, layout: Layout, label: int) -> None:
    """Raise a UserError if a file that is listed under a class has events of another one."""
    if layout.label is None:
        return
    try:
        found = open_raw(raw.path, layout).labels()
    except UserError:
        return  # it has no labels, and needs none
    if others := int(np.sum(found != label)):
        raise UserError(
            f"{raw.path} is listed under {layout.classes[label]}, but its {layout.label} gives "
            f"another class for {others:,} of its {raw.events:,} events; list it under its class, "
            f"or remove `label` from layout {layout.name}"
        )
