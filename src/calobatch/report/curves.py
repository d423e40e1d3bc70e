"""Draw the figures of the page: the ROC curves of each dataset, and the history of each run."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from markupsafe import Markup
from matplotlib.figure import Figure
from numpy.typing import NDArray
from sklearn.metrics import roc_curve

from calobatch.history_plot import draw_history
from calobatch.plotting import (
    BLUE,
    GREEN,
    GREY,
    OLIVE,
    ORANGE,
    PURPLE,
    SKY,
    VERMILLION,
    WINE,
    legend_below,
    new_figure,
)
from calobatch.report.embed import svg
from calobatch.report.roc_band import Band, roc_band
from calobatch.run.auc import against_others
from calobatch.run.files import PREDICTIONS_FILE
from calobatch.run.folder import RunFolder
from calobatch.run.history import best_epoch
from calobatch.run.predictions import Predictions, read_predictions
from calobatch.words import counted

TASK_COLOURS = (BLUE, VERMILLION, GREEN, PURPLE, ORANGE, SKY, WINE, OLIVE)
POINTS = 400  # points per curve: more than a screen can show, and few enough for a small page
BAND: dict[str, Any] = {"alpha": 0.18, "linewidth": 0}
LOWEST_EFFICIENCY = 0.1  # below this, only a few background events determine the rejection


class Curve(NamedTuple):
    """A ROC curve to draw. Both efficiencies have the shape (points).

    ``band`` is the uncertainty of ``left``, the background efficiency; only curves with a label
    have one, so that those of several runs do not hide each other.
    """

    label: str
    colour: str
    efficiency: NDArray[np.float64]
    left: NDArray[np.float64]
    band: Band | None


def task_colours(tasks: Mapping[str, str]) -> dict[str, str]:
    """Return a colour for each task, given the dataset of each task.

    Tasks of one dataset are in one figure, so they get different colours (up to eight tasks).
    """
    seen: dict[str, int] = {}
    colours = {}
    for task, dataset in tasks.items():
        number = seen.setdefault(dataset, 0)
        colours[task] = TASK_COLOURS[number % len(TASK_COLOURS)]
        seen[dataset] += 1
    return colours


def signals(classes: Sequence[str]) -> Sequence[int]:
    """Return the classes that are a signal in turn: the second of two, and each of more."""
    return (1,) if len(classes) == 2 else range(len(classes))


def draw_roc(
    runs: Sequence[RunFolder], colours: Mapping[str, str], classes: Sequence[str], signal: int
) -> Markup:
    """Draw the ROC curves of ``runs``, all of one dataset, on the test split."""
    name, background = classes[signal], _background(classes)
    figure = _roc_figure(runs)
    axes = figure.add_subplot()
    for label, colour, efficiency, left, band in _curves(runs, colours, signal):
        axes.plot(efficiency, 1 - left, color=colour, label=label)
        if band:
            axes.fill_between(efficiency, 1 - band.high, 1 - band.low, color=colour, **BAND)
    axes.plot([0, 1], [1, 0], color=GREY, linestyle=":", linewidth=1, label="chance")
    axes.set(xlim=(0, 1), ylim=(0, 1.02))
    axes.set(xlabel=f"{name} efficiency", ylabel=f"1 \N{MINUS SIGN} {_efficiency(classes)}")
    legend_below(figure)
    words = f"ROC curves of {name} against {background} on the test split: {_tasks(runs)}"
    return svg(figure, f"roc-{runs[0].record.dataset}-{signal}", words)


def draw_rejection(
    runs: Sequence[RunFolder], colours: Mapping[str, str], classes: Sequence[str], signal: int
) -> Markup:
    """Draw the same curves as background rejection (1 / efficiency) on a log scale."""
    name, background = classes[signal], _background(classes)
    figure = _roc_figure(runs)
    axes = figure.add_subplot()
    for label, colour, efficiency, left, band in _curves(runs, colours, signal):
        shown = (efficiency >= LOWEST_EFFICIENCY) & (left > 0)
        axes.plot(efficiency[shown], 1 / left[shown], color=colour, label=label)
        if band:
            # Where no background event is left in some replicas, the rejection has no upper limit.
            shown &= band.low > 0
            ends = 1 / band.high[shown], 1 / band.low[shown]
            axes.fill_between(efficiency[shown], *ends, color=colour, **BAND)
    chance = np.linspace(LOWEST_EFFICIENCY, 1)
    axes.plot(chance, 1 / chance, color=GREY, linestyle=":", linewidth=1, label="chance")
    axes.set(xlim=(LOWEST_EFFICIENCY, 1), yscale="log")
    axes.set(xlabel=f"{name} efficiency", ylabel=f"1 / {_efficiency(classes)}")
    legend_below(figure)
    words = f"rejection of {background} against {name} efficiency on the test split: {_tasks(runs)}"
    return svg(figure, f"rejection-{runs[0].record.dataset}-{signal}", words)


def _background(classes: Sequence[str]) -> str:
    return classes[0] if len(classes) == 2 else "all others"


def _efficiency(classes: Sequence[str]) -> str:
    background = _background(classes)
    return f"{background} efficiency" if len(classes) == 2 else f"efficiency of {background}"


def _roc_figure(runs: Sequence[RunFolder]) -> Figure:
    # The page scales a figure to the width of its column. A figure this small is not made much
    # smaller even on a phone, so its text stays readable.
    return new_figure(simulated=runs[0].record.simulated, width=5.4, height=4.4)


def _tasks(runs: Sequence[RunFolder]) -> str:
    return ", ".join(dict.fromkeys(run.record.task for run in runs))


def _curves(runs: Sequence[RunFolder], colours: Mapping[str, str], signal: int) -> Iterator[Curve]:
    """Yield the curve of each run. Only the first run of a task has a label, for the legend."""
    labelled: set[str] = set()
    for run in runs:
        task = run.record.task
        test = read_predictions(run.file(PREDICTIONS_FILE))["test"]
        efficiency, left = roc_points(test, signal)
        label, band = "", None
        if task not in labelled:
            label = task
            band = roc_band(test, signal, efficiency, run.metrics.confidence)
        yield Curve(label, colours[task], efficiency, left, band)
        labelled.add(task)


def roc_points(
    test: Predictions, signal: int = 1
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return signal and background efficiency at up to ``POINTS`` points of the ROC curve.

    The points are equally far apart along the curve, because points at equal steps of one axis
    would be too few where the curve is steep. Its first and last points are kept.
    """
    score = test.score if test.score.ndim == 1 else test.score[:, signal]
    left, efficiency, _ = roc_curve(
        against_others(test.label, signal), score, sample_weight=test.weight
    )
    length = np.cumsum(np.hypot(np.diff(left, prepend=0), np.diff(efficiency, prepend=0)))
    chosen = np.unique(np.searchsorted(length, np.linspace(0, length[-1], POINTS)))
    chosen = chosen.clip(max=len(left) - 1)
    return efficiency[chosen], left[chosen]


def history_picture(run: RunFolder) -> Markup:
    """Draw losses and validation AUC of a run by epoch, and mark the best epoch."""
    record = run.record
    figure = new_figure(simulated=record.simulated, width=4.4, height=4.2)
    draw_history(figure, run.history, compact=True)
    return svg(figure, f"history-{record.task}-{record.name.member}", _history_in_words(run))


def _history_in_words(run: RunFolder) -> str:
    best = best_epoch(run.history)
    return (
        f"Validation AUC and losses of {run.record.task}, {run.record.name.number}, over "
        f"{counted(len(run.history), 'epoch')}; the highest AUC is {best.validation_auc:.4f} in "
        f"epoch {best.epoch}"
    )
