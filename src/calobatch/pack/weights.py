"""The weight of each event: that of its raw file, and one that makes the classes' spectra equal."""

import sys
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from calobatch.config.dataset import Reweight, Split
from calobatch.errors import UserError
from calobatch.layouts import Layout
from calobatch.raw.interface import RawFile

# The number of bins of a spectrum, unless the scenario says another one.
BINS = 20


def check_weights(weight: NDArray[np.float64], raws: Sequence[RawFile]) -> None:
    """Raise a UserError, which names file and event, if a weight is negative or not finite.

    ``weight`` covers the events of all files, in their order.
    """
    first = 0
    for raw in raws:
        of_file = weight[first : first + raw.events]
        wrong = np.flatnonzero(~(np.isfinite(of_file) & (of_file >= 0)))
        if len(wrong):
            event = int(wrong[0])
            # Generators of next-to-leading order give some events a negative weight.
            negative = np.isfinite(of_file).all()
            use = "write a column with their absolute values, and name it"
            fix = use if negative else "correct the file"
            raise UserError(
                f"{raw.path}: event {event} has weight {of_file[event]:g} (key "
                f"{raw.layout.weight}), but weights must be finite and not negative; {fix}, or "
                f"remove `weight` from layout {raw.layout.name}"
            )
        first += raw.events


def event_weights(
    dataset: str,
    of_files: NDArray[np.float64] | None,
    scalars_BS: NDArray[np.float64],
    label: NDArray[np.uint8],
    training: NDArray[np.bool_],
    layout: Layout,
    reweight: Reweight | None,
) -> NDArray[np.float64] | None:
    """Return the weight of each event, shape (events), with a mean of 1 over ``training`` events.

    ``of_files`` has the weights of the raw files. Returns None if these have no weights and there
    is nothing to ``reweight``. All are zero if the weights of all training events are.
    """
    if of_files is None and reweight is None:
        return None
    weight = np.ones(len(label)) if of_files is None else of_files.copy()
    if reweight is not None:
        names = [scalar.name for scalar in layout.scalars]
        value = scalars_BS[:, names.index(reweight.scalar)]
        factor = spectrum_factors(value, label, weight, training, reweight, len(layout.classes))
        weight *= factor
        if lost := int(np.sum(training & (factor == 0))):
            print(
                f"pack {dataset}: {lost:,} of {training.sum():,} training events get weight 0, "
                f"because their {reweight.scalar} is outside the bins of `reweight`, or in a bin "
                "that lacks a class; widen the edges or use fewer bins if these are too many",
                file=sys.stderr,
            )
    normalised: NDArray[np.float64] = weight / (weight[training].mean() or 1.0)
    return normalised


def check_classes_count(
    dataset: str,
    weight: NDArray[np.float64],
    label: NDArray[np.uint8],
    assigned: NDArray[np.uint8],
    split: Split,
    layout: Layout,
    reweight: Reweight | None,
) -> None:
    """Raise a UserError if all weights of a class in a part of ``split`` are zero.

    ``assigned`` has the part of each event, an index into ``split.parts``.
    """
    check = "check the weights of the files"
    if reweight is not None:
        check = "widen the edges or use fewer bins in `reweight`"
    for index, name in enumerate(split.parts):
        for number, of_class in enumerate(layout.classes):
            if not weight[(assigned == index) & (label == number)].any():
                raise UserError(
                    f"dataset {dataset}: all events of class {of_class} in "
                    f"{split.part_in_words(name)} have weight 0; {check}"
                )


def spectrum_factors(
    value: NDArray[np.float64],
    label: NDArray[np.uint8],
    weight: NDArray[np.float64],
    training: NDArray[np.bool_],
    reweight: Reweight,
    classes: int,
) -> NDArray[np.float64]:
    """Return the factor of each event, shape (events), that makes the classes' spectra equal.

    ``value`` is the scalar of each event and ``weight`` its weight before. With the factors, the
    histograms of the scalar over the training events are the same for all classes, up to a factor:
    each class keeps the sum of weights that it has inside the bins. The common histogram is the
    mean of those of the classes, each divided by its sum. A bin in which a class has no training
    event cannot be made equal: it gets a factor of 0 in all classes, as everything outside the bins
    does.
    """
    edges = _edges(value[training], reweight)
    # Bin 0 is below the first edge, and the last bin is above the last one. As in a histogram of
    # NumPy, the last edge itself is inside.
    last = len(edges) - 1
    bin_of = np.searchsorted(edges, value, side="right")
    bin_of[value == edges[-1]] = last
    spectra = np.zeros((classes, len(edges) + 1))
    np.add.at(spectra, (label[training], bin_of[training]), weight[training])
    spectra[:, [0, -1]] = 0
    # A class without any weight is refused later, by its name.
    totals = spectra.sum(axis=1, keepdims=True)
    shapes = np.divide(spectra, totals, out=np.zeros_like(spectra), where=totals > 0)
    common = np.where((shapes > 0).all(axis=0), shapes.mean(axis=0), 0.0)
    common /= common.sum() or 1.0
    factors = np.divide(common, shapes, out=np.zeros_like(shapes), where=shapes > 0)
    chosen: NDArray[np.float64] = factors[label, bin_of]
    return chosen


def _edges(value: NDArray[np.float64], reweight: Reweight) -> NDArray[np.float64]:
    """Return the edges of the bins. Those of a number of bins contain every event."""
    if reweight.edges:
        return np.array(reweight.edges, dtype=np.float64)
    edges = np.unique(np.quantile(value, np.linspace(0, 1, (reweight.bins or BINS) + 1)[1:-1]))
    return np.concatenate([[-np.inf], edges, [np.inf]])
