"""Draw how the AUC of a task grows with the number of training events, and say where it goes."""

from collections.abc import Mapping, Sequence
from math import hypot
from statistics import NormalDist, mean, stdev
from typing import NamedTuple

import numpy as np
from markupsafe import Markup
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, NullFormatter

from calobatch.plotting import legend_below, new_figure
from calobatch.report.embed import svg
from calobatch.report.power_law import PowerLaw, fitted_power_law
from calobatch.run.folder import RunFolder

# How many times as many events the fit is drawn and the forecast is made for. A forecast for much
# more than was measured says little.
FURTHER = 10
# A forecast with a larger standard error is not worth a sentence.
LARGEST_ERROR = 0.05


class Point(NamedTuple):
    """The mean test AUC of the trainings on ``events`` events, and its standard error."""

    events: int
    auc: float
    error: float


class LearningCurve(NamedTuple):
    """The points of a task, in the order of events; ``law`` is None if none could be fitted."""

    task: str
    simulated: bool
    points: tuple[Point, ...]
    law: PowerLaw | None


def learning_curves(
    runs: Sequence[RunFolder], whole: Mapping[str, str]
) -> tuple[LearningCurve, ...]:
    """Return the curves of the tasks that were trained on several numbers of events.

    ``whole`` is what :func:`calobatch.config.subsets.whole_tasks` returns.
    """
    curves: dict[str, dict[int, list[RunFolder]]] = {}
    for run in runs:
        # Of a part of the training split, only the events that were used have predictions.
        events = run.metrics.splits["train"].events
        curves.setdefault(whole[run.record.task], {}).setdefault(events, []).append(run)
    return tuple(
        _curve(task, [_point(events, found[events]) for events in sorted(found)], runs[0])
        for task, found in curves.items()
        if len(found) > 1
    )


def _curve(task: str, points: Sequence[Point], run: RunFolder) -> LearningCurve:
    return LearningCurve(
        task, run.record.simulated, tuple(points), fitted_power_law(*zip(*points, strict=True))
    )


def _point(events: int, runs: Sequence[RunFolder]) -> Point:
    tests = [run.metrics.splits["test"] for run in runs]
    aucs = [test.auc for test in tests]
    # An interval is as many standard errors wide as that of a normal distribution.
    width = 2 * NormalDist().inv_cdf((1 + runs[0].metrics.confidence) / 2)
    of_events = mean(test.auc_high - test.auc_low for test in tests) / width
    of_trainings = stdev(aucs) / len(aucs) ** 0.5 if len(aucs) > 1 else 0.0
    return Point(events, mean(aucs), hypot(of_events, of_trainings))


def learning_figure(curves: Sequence[LearningCurve], colours: Mapping[str, str]) -> Figure:
    """Draw the ``curves`` of one dataset, with the fitted power laws and their errors."""
    figure = new_figure(simulated=curves[0].simulated, width=5.4, height=4.4)
    axes = figure.add_subplot()
    for curve in curves:
        colour = colours[curve.task]
        events, aucs, errors = zip(*curve.points, strict=True)
        style = "o" if curve.law else "o-"
        axes.errorbar(events, aucs, yerr=errors, fmt=style, color=colour, label=curve.task)
        if curve.law:
            numbers = np.geomspace(events[0], FURTHER * events[-1])
            auc, error = curve.law.at(numbers)
            axes.plot(numbers, auc, color=colour, linewidth=1)
            axes.fill_between(
                numbers, auc - error, auc + error, color=colour, alpha=0.15, linewidth=0
            )
    # A fit of few points can be uncertain by far more than the points differ.
    measured = [point for curve in curves for point in curve.points]
    low = min(point.auc - point.error for point in measured)
    high = max(point.auc + point.error for point in measured)
    axes.set_ylim(low - 0.2 * (high - low), high + 0.5 * (high - low))
    axes.set(xscale="log", xlabel="training events", ylabel="test AUC")
    axes.xaxis.set_major_formatter(FuncFormatter(lambda number, _: f"{number:,.0f}"))
    axes.xaxis.set_minor_formatter(NullFormatter())
    legend_below(figure)
    return figure


def draw_learning_curves(curves: Sequence[LearningCurve], colours: Mapping[str, str]) -> Markup:
    """Return the picture of the ``curves`` of one dataset, for a page."""
    words = "; ".join(
        f"{curve.task}: "
        + ", ".join(f"{point.auc:.4f} with {point.events:,} events" for point in curve.points)
        for curve in curves
    )
    return svg(
        learning_figure(curves, colours),
        f"learning-{'-'.join(curve.task for curve in curves)}",
        f"Test AUC of {words}",
    )


def in_words(curve: LearningCurve) -> str:
    """Return a sentence about the AUC with more events; empty if the fit says too little."""
    if curve.law is None or curve.law.at_bound:
        return ""
    last = curve.points[-1]
    events = FURTHER * last.events
    auc, error = (float(value) for value in curve.law.at(events))
    if error > LARGEST_ERROR:
        return ""
    return (
        f"With {events:,} training events in place of {last.events:,}, {curve.task} would reach "
        f"{auc:.3f} ± {error:.3f} in place of {last.auc:.3f}, if the power law goes on."
    )
