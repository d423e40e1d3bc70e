"""Draw the pictures of an interpretation, for a folder and for MLflow."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from calobatch.bins_plot import draw_bins
from calobatch.colours import ColourScale
from calobatch.plotting import new_figure, save
from calobatch.run.files import BINS_PLOT, CONFIDENT_PLOT, OCCLUSION_PLOT
from calobatch.run.folder import RunFolder
from calobatch.run.interpretation import Images, Interpretation

# In inches.
PANEL, BINS_WIDTH, BINS_HEIGHT = 2.6, 4.6, 3.4
MOST_COLUMNS = 3


def draw_plots(run: RunFolder, found: Interpretation, images: Images, folder: Path) -> None:
    """Write the pictures of an interpretation to ``folder``; no occlusion if there is none."""
    save(_bins(run, found), folder / BINS_PLOT)
    layout = run.record.layout
    scales = [
        ColourScale("linear" if channel.signed else "log", float(np.abs(image).max()))
        for channel, image in zip(
            layout.channels, np.moveaxis(images.confident_GCHW, 1, 0), strict=True
        )
    ]
    labels = [f"[{channel.unit}]" if channel.unit else "" for channel in layout.channels]
    names = [
        f"{group.of_class}, {'right' if group.right else 'wrong'}: {group.events:,} events"
        for group in found.confident
    ]
    save(
        _grid(run, "most confident events", images.confident_GCHW, names, scales, labels),
        folder / CONFIDENT_PLOT,
    )
    if found.sees_images:
        top = float(np.abs(images.occlusion_KCHW).max())
        names = [
            f"{name}: {events:,} events"
            for name, events in zip(layout.classes, found.occluded_events, strict=True)
        ]
        scales = [ColourScale("linear", top)] * len(scales)
        labels = ["fall of the probability"] * len(labels)
        save(
            _grid(run, "without a patch", images.occlusion_KCHW, names, scales, labels),
            folder / OCCLUSION_PLOT,
        )


def _figure(run: RunFolder, what: str, width: float, height: float) -> Figure:
    title = f"{run.record.task}, {run.record.name.number}: {what}"
    return new_figure(title, simulated=run.record.simulated, width=width, height=height)


def _bins(run: RunFolder, found: Interpretation) -> Figure:
    """Draw the AUC in bins of all quantities that have bins."""
    shown = [quantity for quantity in found.quantities if quantity.bins]
    rows = max(-(-len(shown) // MOST_COLUMNS), 1)
    figure = _figure(run, "AUC in bins", MOST_COLUMNS * BINS_WIDTH, rows * BINS_HEIGHT)
    if not shown:
        figure.text(0.5, 0.5, "too few test events for bins", ha="center")
        return figure
    panels = figure.subplots(rows, MOST_COLUMNS, sharey=True, squeeze=False).ravel()
    for axes, quantity in zip(panels, shown, strict=False):
        draw_bins(axes, quantity, run.metrics.splits["test"].auc)
    for axes in panels[len(shown) :]:
        axes.remove()
    return figure


def _grid(
    run: RunFolder,
    what: str,
    image_GCHW: NDArray[np.float32],
    names: Sequence[str],
    scales: Sequence[ColourScale],
    labels: Sequence[str],
) -> Figure:
    """Draw one column of images per channel, one below the other in the order of ``names``."""
    groups, channels, height, width = image_GCHW.shape
    figure = _figure(run, what, max(channels, 2) * PANEL + 1, groups * PANEL * height / width + 1.2)
    panels = figure.subplots(1, channels, squeeze=False)[0]
    for number, (axes, channel, scale, label) in enumerate(
        zip(panels, run.record.layout.channels, scales, labels, strict=True)
    ):
        # As one image, because the time to draw a figure grows with its number of axes.
        image_HW = image_GCHW[:, number].reshape(groups * height, width)
        drawn = axes.imshow(
            image_HW, cmap=scale.colours, norm=scale.norm(), interpolation="nearest"
        )
        for group in range(1, groups):
            axes.axhline(group * height - 0.5, color="white", linewidth=3)
        axes.set(title=channel.name, xticks=[])
        middle = [(group + 0.5) * height - 0.5 for group in range(groups)]
        axes.set_yticks(middle, names if number == 0 else [""] * groups, rotation=90, va="center")
        axes.tick_params(which="both", length=0)
        figure.colorbar(drawn, ax=axes, location="bottom", label=label)
    return figure
