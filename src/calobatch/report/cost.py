"""Draw what the trainings of a dataset gained, and what they cost."""

from collections.abc import Mapping, Sequence

from markupsafe import Markup
from matplotlib.ticker import FuncFormatter, NullFormatter

from calobatch.plotting import legend_below, new_figure
from calobatch.report.embed import svg
from calobatch.report.formats import duration
from calobatch.run.folder import RunFolder


def rank_seconds(run: RunFolder) -> float:
    """Return the time of all training steps, summed over the ranks, in seconds."""
    return run.record.ranks * sum(epoch.seconds for epoch in run.history)


def draw_cost(runs: Sequence[RunFolder], colours: Mapping[str, str]) -> Markup:
    """Draw the test AUC of ``runs``, all of one dataset, against the time that they took."""
    figure = new_figure(simulated=runs[0].record.simulated, width=5.4, height=4.4)
    axes = figure.add_subplot()
    labelled: set[str] = set()
    for run in runs:
        task, test = run.record.task, run.metrics.splits["test"]
        axes.errorbar(
            rank_seconds(run),
            test.auc,
            yerr=[[test.auc - test.auc_low], [test.auc_high - test.auc]],
            fmt="o",
            color=colours[task],
            markersize=6,
            label=None if task in labelled else task,
        )
        labelled.add(task)
    axes.set(xscale="log", xlabel="training time \N{MULTIPLICATION SIGN} ranks", ylabel="test AUC")
    axes.xaxis.set_major_formatter(FuncFormatter(lambda seconds, _: duration(seconds)))
    axes.xaxis.set_minor_formatter(NullFormatter())
    # At least a factor of nine is shown, so that the axis has a label.
    low, high = axes.get_xlim()
    axes.set_xlim(low / 3, high * 3)
    legend_below(figure)
    words = f"Test AUC against training time of {', '.join(sorted(labelled))}"
    return svg(figure, f"cost-{runs[0].record.dataset}", words)
