"""Write docs/simulation/difficulty.md: learning curves on simulated crops, and published AUCs.

make run SCENARIO=difficulty
python -m benchmarks.simulation.difficulty
"""

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from matplotlib.figure import Figure

from benchmarks.measured_on import measured_on
from calobatch.atomic import write_text
from calobatch.checkout import CHECKOUT
from calobatch.config.load import load_scenario
from calobatch.config.scenario import Scenario
from calobatch.config.subsets import whole_tasks
from calobatch.errors import exiting
from calobatch.plotting import class_colour, save
from calobatch.report.learning_curves import LearningCurve, learning_curves, learning_figure
from calobatch.run.folder import read_run
from calobatch.run.name import runs_of

SCENARIO = "difficulty"
TEMPLATE = Path(__file__).with_name("difficulty.template.md")
PICTURE = "difficulty.png"
# Number of training events of the published AUCs, which are in the scenario.
PUBLISHED_EVENTS = 398_000


class Row(NamedTuple):
    """A network: its learning curve, and the AUC that is published for ``PUBLISHED_EVENTS``."""

    curve: LearningCurve
    published: float

    def cells(self) -> list[str]:
        """Return the cells of the table."""
        measured = [f"{point.auc:.3f} ± {point.error:.3f}" for point in self.curve.points]
        if self.curve.law is None:
            forecast = difference = "none"
        else:
            auc, error = map(float, self.curve.law.at(PUBLISHED_EVENTS))
            at_bound = r" \*" if self.curve.law.at_bound else ""
            forecast = f"{auc:.3f} ± {error:.3f}{at_bound}"
            difference = f"{auc - self.published:+.3f}"
        return [f"`{self.curve.task}`", *measured, forecast, f"{self.published:.3f}", difference]


def write_page(scenario: Scenario, results: Path, folder: Path) -> None:
    """Write difficulty.md and its picture into ``folder``, from the ``results`` of the scenario.

    Raises UserError if a run is missing.
    """
    runs = [read_run(results / name.folder) for name in runs_of(scenario)]
    curves = learning_curves(runs, whole_tasks(scenario.tasks))
    rows = [Row(curve, scenario.tasks[curve.task].reference_auc["test"]) for curve in curves]
    folder.mkdir(parents=True, exist_ok=True)
    save(_figure(rows), folder / PICTURE)
    text = TEMPLATE.read_text(encoding="utf-8").format(
        scenario=scenario.name,
        events=PUBLISHED_EVENTS,
        picture=PICTURE,
        table=_table(rows),
        epochs=runs[0].record.training.epochs,
        measured=measured_on(runs),
    )
    write_text(folder / "difficulty.md", text)


def _figure(rows: Sequence[Row]) -> Figure:
    """Draw the curves, and the published AUCs as diamonds of the same colours."""
    colours = {row.curve.task: class_colour(number) for number, row in enumerate(rows)}
    figure = learning_figure([row.curve for row in rows], colours)
    (axes,) = figure.axes
    for row in rows:
        axes.plot(PUBLISHED_EVENTS, row.published, "D", color=colours[row.curve.task])
    return figure


def _table(rows: Sequence[Row]) -> str:
    events = [f"{point.events:,} events" for point in rows[0].curve.points]
    head = ["network", *events, f"forecast for {PUBLISHED_EVENTS:,}", "published", "difference"]
    lines = [head, ["---"] * len(head), *(row.cells() for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


if __name__ == "__main__":
    argparse.ArgumentParser(description=__doc__).parse_args()
    with exiting():
        folder = CHECKOUT / "docs" / "simulation"
        write_page(load_scenario(SCENARIO), Path("results") / SCENARIO, folder)
        print(f"wrote {folder / 'difficulty.md'}")
