"""Draw what the tasks reach: against what they cost, or side by side if all cost about the same."""

from collections.abc import Sequence
from statistics import mean
from typing import NamedTuple

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from benchmarks.leaderboard.rows import Row
from calobatch.plotting import BLUE, GREY, VERMILLION, new_figure

# If all costs are within this factor, they are too similar for an axis of their own.
SIMILAR = 1.5
INCHES_PER_ROW = 0.35


class Picture(NamedTuple):
    """A figure, the name of its file, its title, and a text that says what its points are."""

    figure: Figure
    file: str
    title: str
    points: str


def picture_of(rows: Sequence[Row]) -> Picture:
    """Draw the test AUCs of tasks and ensembles, a panel per dataset."""
    costs = [row.microseconds for row in rows]
    return _side_by_side(rows) if max(costs) < SIMILAR * min(costs) else _against_cost(rows)


def _against_cost(rows: Sequence[Row]) -> Picture:
    title = "Test AUC against training time per event"
    datasets = _datasets(rows)
    figure = new_figure(title, simulated=True, width=12, height=5)
    panels = figure.subplots(1, len(datasets), squeeze=False)[0]
    for axes, dataset in zip(panels, datasets, strict=True):
        for row in rows:
            if row.dataset == dataset:
                _draw_point(axes, row)
        axes.set(xscale="log", xlabel="µs per event and epoch", ylabel="test AUC", title=dataset)
        axes.margins(x=0.15, y=0.1)
    points = (
        "Points are means over the seeds with their standard deviation; diamonds are ensembles."
    )
    return Picture(figure, "auc_against_cost.png", title, points)


def _draw_point(axes: Axes, row: Row) -> None:
    colour = VERMILLION if row.is_ensemble else BLUE
    # An ensemble is often close to the point of a task, so their names are at different sides.
    below = row.is_ensemble
    axes.errorbar(
        row.microseconds,
        mean(row.aucs),
        yerr=row.error,
        fmt="D" if row.is_ensemble else "o",
        color=colour,
        markersize=7,
    )
    axes.annotate(
        _short(row),
        (row.microseconds, mean(row.aucs)),
        xytext=(0, -8) if below else (-8, 0),
        textcoords="offset points",
        horizontalalignment="center" if below else "right",
        verticalalignment="top" if below else "center",
        color=colour,
        fontsize=10,
    )


def _side_by_side(rows: Sequence[Row]) -> Picture:
    title = "Test AUC of each task"
    datasets = _datasets(rows)
    figure = new_figure(title, simulated=True, width=9, height=1.5 + INCHES_PER_ROW * len(rows))
    panels = figure.subplots(len(datasets), 1, squeeze=False)[:, 0]
    for axes, dataset in zip(panels, datasets, strict=True):
        # From top to bottom in the order of the scenario.
        of_dataset = [row for row in rows if row.dataset == dataset][::-1]
        axes.axvline(mean(of_dataset[-1].aucs), color=GREY, linewidth=1)
        for place, row in enumerate(of_dataset):
            axes.plot(row.aucs, [place] * len(row.aucs), "o", color=GREY, markersize=4)
            axes.errorbar(mean(row.aucs), place, xerr=row.error, fmt="o", color=BLUE, markersize=7)
        axes.set_yticks(range(len(of_dataset)), map(_short, of_dataset))
        axes.tick_params(axis="y", which="minor", left=False, right=False)
        axes.set(xlabel="test AUC", title=dataset)
    points = (
        "Small points are the seeds, and large ones their means with the standard deviation. The "
        f"line is at the mean of the first task. All costs are within a factor of {SIMILAR}."
    )
    return Picture(figure, "auc.png", title, points)


def _datasets(rows: Sequence[Row]) -> list[str]:
    return list(dict.fromkeys(row.dataset for row in rows))


def _short(row: Row) -> str:
    return row.name.removeprefix(f"{row.dataset}_").replace("_", " ")
