"""What the model of a run looks at: pictures of what interpret found, and sentences about it."""

from collections.abc import Iterator
from itertools import combinations
from math import hypot
from statistics import NormalDist
from typing import NamedTuple

import numpy as np
from markupsafe import Markup
from numpy.typing import NDArray

from calobatch.bins_plot import draw_bins
from calobatch.colours import ColourScale
from calobatch.compare.delong import two_sided
from calobatch.layouts import Layout
from calobatch.plotting import new_figure
from calobatch.report.embed import png, svg
from calobatch.report.formats import digits, fixed
from calobatch.report.samples import Gallery, Legend, channel_scales, gallery
from calobatch.run.folder import RunFolder
from calobatch.run.interpretation import (
    Bin,
    Images,
    Interpretation,
    Quantity,
    read_images,
    read_interpretation,
)
from calobatch.run.leaderboard import SIGNIFICANT
from calobatch.run.name import RunName
from calobatch.store import Store
from calobatch.words import joined, p_value

WIDTH, HEIGHT = 4.0, 2.9  # inches


class Looks(NamedTuple):
    """What the page shows of an interpretation; a model without images has no ``occlusion``.

    ``bins`` has a picture and a sentence for each quantity.
    """

    name: RunName
    found: Interpretation
    bins: tuple[tuple[Markup, str], ...]
    inputs: str
    confident: Gallery
    differences: Gallery | None
    occlusion: Gallery | None
    strongest: tuple[str, ...]


def looks_of(run: RunFolder, store: Store, colour: str) -> Looks | None:
    """Return what the model of a run looks at, or None if the run was not interpreted.

    Raises UserError if a file of the interpretation is damaged.
    """
    found = read_interpretation(run)
    if found is None:
        return None
    images = read_images(run)
    confident, differences = _confident(store, found, images)
    return Looks(
        name=run.record.name,
        found=found,
        bins=tuple(_bins(run, found, colour)),
        inputs=inputs_in_words(found),
        confident=confident,
        differences=differences,
        occlusion=_occlusion(store, found, images) if found.sees_images else None,
        strongest=strongest_in_words(store.layout, images.occlusion_KCHW),
    )


def inputs_in_words(found: Interpretation) -> str:
    """Return a sentence about the inputs without which the AUC is clearly lower."""
    needed = sorted(
        (without for without in found.without if without.high < 0), key=lambda w: w.difference
    )
    if not needed:
        return "Without any one of the inputs, the AUC is not clearly lower."
    parts = [
        f"{without.name} ({fixed(found.auc, 3)} becomes {fixed(without.auc, 3)})"
        for without in needed
    ]
    return f"The AUC is clearly lower without {joined(parts)}."


def bins_in_words(quantity: Quantity, confidence: float) -> str:
    """Return whether the AUC differs between the bins of a quantity by more than its uncertainty.

    The two bins that differ most significantly are named. The p-value is multiplied by the number
    of pairs of bins (Bonferroni), because the pair was chosen among all of them.
    """
    pairs = list(combinations(quantity.bins, 2))
    tested = [(_p(one, other, confidence), one, other) for one, other in pairs]
    p, one, other = min(tested, key=lambda found: found[0])
    p = min(p * len(pairs), 1.0)
    if p >= SIGNIFICANT:
        return (
            f"The AUC does not differ significantly between the bins of {quantity.name} "
            f"({p_value(p)})."
        )
    low, high = sorted((one, other), key=lambda found: found.auc)
    return (
        f"The AUC is {fixed(high.auc, 3)} for {_range(high, quantity)} and {fixed(low.auc, 3)} for "
        f"{_range(low, quantity)}: more than the uncertainty explains ({p_value(p)})."
    )


def strongest_in_words(layout: Layout, occlusion_KCHW: NDArray[np.float32]) -> tuple[str, ...]:
    """Return for each class where the patch is without which its probability changes most."""
    found = []
    for name, fall_CHW in zip(layout.classes, occlusion_KCHW, strict=True):
        channel, row, column = np.unravel_index(int(np.abs(fall_CHW).argmax()), fall_CHW.shape)
        fall = float(fall_CHW[channel, row, column])
        if not fall:
            found.append(f"For {name}, the probability does not change without any of the patches.")
            continue
        rows, columns = np.nonzero(fall_CHW[channel] == fall_CHW[channel, row, column])
        found.append(
            f"For {name}, the patch that matters most is that of rows {rows.min()} to "
            f"{rows.max()} and columns {columns.min()} to {columns.max()} of "
            f"{layout.channels[channel].name}: without it, the probability "
            f"{'falls' if fall > 0 else 'rises'} by {fixed(abs(fall), 3)} on average."
        )
    return tuple(found)


def _range(found: Bin, quantity: Quantity) -> str:
    unit = f" [{quantity.unit}]" if quantity.unit else ""
    return f"{quantity.name} of {digits(found.low)} to {digits(found.high)}{unit}"


def _p(one: Bin, other: Bin, confidence: float) -> float:
    # An interval is as many standard errors wide as that of a normal distribution.
    width = 2 * NormalDist().inv_cdf((1 + confidence) / 2)
    errors = [(found.auc_high - found.auc_low) / width for found in (one, other)]
    return two_sided(one.auc - other.auc, hypot(*errors))


def _bins(run: RunFolder, found: Interpretation, colour: str) -> Iterator[tuple[Markup, str]]:
    auc = run.metrics.splits["test"].auc
    for number, quantity in enumerate(found.quantities):
        if not quantity.bins:
            continue
        figure = new_figure(width=WIDTH, height=HEIGHT)
        draw_bins(figure.add_subplot(), quantity, auc, colour)
        each = ", ".join(
            f"{fixed(b.auc, 3)} ({fixed(b.auc_low, 3)} to {fixed(b.auc_high, 3)}) from "
            f"{digits(b.low)} to {digits(b.high)}"
            for b in quantity.bins
        )
        name = f"bins-{run.record.name.folder.replace('/', '-')}-{number}"
        words = f"Test AUC of {run.record.name} in bins of {quantity.name}: {each}"
        yield svg(figure, name, words), bins_in_words(quantity, found.confidence)


def _confident(
    store: Store, found: Interpretation, images: Images
) -> tuple[Gallery, Gallery | None]:
    """Return the mean images of confident events, and the wrong minus the right ones of a class."""
    groups = list(zip(found.confident, images.confident_GCHW, strict=True))
    shown = [(group, image) for group, image in groups if group.events]
    captions = [
        (
            f"{group.of_class}, {'right' if group.right else 'wrong'}",
            f"{group.events:,} events, probability at least {digits(group.lowest or 0)}",
        )
        for group, _ in shown
    ]
    image_GCHW = np.stack([image for _, image in shown])
    means = gallery(store, captions, image_GCHW, channel_scales(store, image_GCHW))
    differences = [
        (right.of_class, wrong_CHW - right_CHW)
        for (right, right_CHW), (wrong, wrong_CHW) in zip(groups[::2], groups[1::2], strict=True)
        if right.events and wrong.events
    ]
    if not differences:
        return means, None
    difference_BCHW = np.stack([image for _, image in differences])
    captions = [
        (f"{name}: wrong \N{MINUS SIGN} right", "difference of the means")
        for name, _ in differences
    ]
    scales = channel_scales(store, difference_BCHW, sizes="symlog")
    return means, gallery(store, captions, difference_BCHW, scales)


def _occlusion(store: Store, found: Interpretation, images: Images) -> Gallery:
    """Return the maps of each class; all channels have the same colour scale."""
    scale = ColourScale("linear", float(np.abs(images.occlusion_KCHW).max()))
    captions = [
        (name, f"mean of {events:,} events")
        for name, events in zip(store.layout.classes, found.occluded_events, strict=True)
    ]
    maps = gallery(store, captions, images.occlusion_KCHW, [scale] * len(store.layout.channels))
    words = "fall of the probability of the true class"
    return maps._replace(legends=(Legend(words, scale.name(), png(scale.bar()), scale.ticks()),))
