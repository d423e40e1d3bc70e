"""Draw the leaderboard of a scenario for MLflow's page: the AUCs of all trainings by task."""

from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from calobatch.config.scenario import Scenario
from calobatch.plotting import BLACK, GREY, PURPLE, VERMILLION, new_figure
from calobatch.run.ensemble import EnsembleFolder
from calobatch.run.folder import RunFolder
from calobatch.run.metrics import Metrics

ROW_INCHES, MARGIN_INCHES = 0.6, 1.5
# MLflow's page shows the picture in its own size, beside other things: 720 pixels.
DPI = 90
# The trainings of a task share this part of the height of its row.
SHARE_OF_ROW = 0.6


def draw_leaderboard(
    scenario: Scenario, runs: Sequence[RunFolder], ensembles: Sequence[EnsembleFolder] = ()
) -> Figure:
    """Draw a row for each task that has runs: their test AUCs with intervals, and the references.

    A row for each ensemble follows.

    The validation AUC is an open circle, and a published AUC of the validation or test split a
    diamond.
    """
    rows: dict[str, list[Metrics]] = {}
    for task in scenario.tasks:
        if of_task := [run.metrics for run in runs if run.record.task == task]:
            rows[task] = of_task
    rows |= {ensemble.record.name: [ensemble.metrics] for ensemble in ensembles}
    figure = new_figure(
        f"AUC of scenario {scenario.name}",
        simulated=any(run.record.simulated for run in runs),
        height=MARGIN_INCHES + ROW_INCHES * len(rows),
    )
    axes = figure.add_subplot()
    for place, (name, measured) in enumerate(rows.items()):
        _draw_runs(axes, place, measured)
        if name in scenario.tasks:
            _draw_references(axes, place, scenario, name)
    axes.axvline(0.5, color=GREY, linestyle=":", linewidth=1)
    axes.set_yticks(range(len(rows)), list(rows))
    axes.set_ylim(len(rows) - 0.5, -0.5)
    axes.tick_params(axis="y", which="both", length=0)
    axes.set_xlabel("AUC")
    # One entry for each kind of marker, not for each of its points.
    found = dict(zip(*reversed(axes.get_legend_handles_labels()), strict=True))
    figure.legend(found.values(), found.keys(), loc="outside lower center", ncols=len(found))
    return figure


def _draw_runs(axes: Axes, place: float, measured: Sequence[Metrics]) -> None:
    for number, metrics in enumerate(measured):
        y = place + SHARE_OF_ROW * ((number + 0.5) / len(measured) - 0.5)
        test, validation = (metrics.splits[split] for split in ("test", "validation"))
        below, above = test.auc - test.auc_low, test.auc_high - test.auc
        axes.errorbar(
            test.auc, y, xerr=[[below], [above]], fmt="o", color=BLACK, markersize=5, label="test"
        )
        axes.plot(
            validation.auc, y, "o", color=PURPLE, fillstyle="none", markersize=7, label="validation"
        )


def _draw_references(axes: Axes, place: float, scenario: Scenario, task: str) -> None:
    for split, auc in scenario.tasks[task].reference_auc.items():
        if split != "train":
            axes.plot(auc, place, "D", color=VERMILLION, fillstyle="none", label="published")
