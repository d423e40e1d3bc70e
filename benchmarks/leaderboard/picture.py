"""Draw what a model gains against what it costs: AUC against training time per event."""

from collections.abc import Sequence
from statistics import mean

from matplotlib.figure import Figure

from benchmarks.leaderboard.rows import Row
from calobatch.plotting import class_colour, new_figure


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
        for number, row in enumerate(row for row in rows if row.dataset == dataset):
            axes.errorbar(
                row.microseconds,
                mean(row.aucs),
                yerr=row.error,
                fmt="D" if row.is_ensemble else "o",
                color=class_colour(number),
                markersize=7,
                label=row.name.removeprefix(f"{dataset}_").replace("_", " "),
            )
        axes.set(xscale="log", xlabel="µs per event and epoch", ylabel="test AUC", title=dataset)
        axes.margins(x=0.1, y=0.1)
        axes.legend(fontsize=9)
    return figure
