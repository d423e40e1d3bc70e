"""Draw what a model gains against what it costs: AUC against training time per event."""

from collections.abc import Sequence
from statistics import mean

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from benchmarks.leaderboard.rows import Row
from calobatch.plotting import BLUE, VERMILLION, new_figure


def draw_cost_per_event(rows: Sequence[Row]) -> Figure:
    """Draw one panel per dataset, and in it one point per task or ensemble.

    The bar of a point is the standard deviation over the seeds.
    """
    datasets = list(dict.fromkeys(row.dataset for row in rows))
    figure = new_figure(
        "Test AUC against training time per event", simulated=True, width=12, height=5
    )
    panels = figure.subplots(1, len(datasets), squeeze=False)[0]
    for axes, dataset in zip(panels, datasets, strict=True):
        for row in rows:
            if row.dataset == dataset:
                _draw_point(axes, row)
        axes.set(xscale="log", xlabel="µs per event and epoch", ylabel="test AUC", title=dataset)
        axes.margins(x=0.15, y=0.1)
    return figure


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
        row.name.removeprefix(f"{row.dataset}_").replace("_", " "),
        (row.microseconds, mean(row.aucs)),
        xytext=(0, -8) if below else (-8, 0),
        textcoords="offset points",
        horizontalalignment="center" if below else "right",
        verticalalignment="top" if below else "center",
        color=colour,
        fontsize=10,
    )
