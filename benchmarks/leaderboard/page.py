"""The page of the leaderboard: a table per dataset, a picture, and how to make a row again."""

import csv
import io
from collections.abc import Sequence
from pathlib import Path
from statistics import mean

from benchmarks.leaderboard.picture import picture_of
from benchmarks.leaderboard.rows import Row, rows_of
from benchmarks.measured_on import measured_on
from calobatch.atomic import write_text
from calobatch.config.scenario import Scenario
from calobatch.plotting import save
from calobatch.report.ensembles import verdict
from calobatch.run.ensemble import all_ensembles
from calobatch.run.folder import read_run
from calobatch.run.leaderboard import read_leaderboard, significance
from calobatch.run.name import runs_of
from calobatch.words import counted, in_words

TEMPLATE = Path(__file__).with_name("page.template.md")
# Columns that differ from run to run, or that only this machine's MLflow knows.
LEFT_OUT = ("run_id", "events_per_second")


def write_page(scenario: Scenario, results: Path, about: Path, folder: Path) -> None:
    """Write README.md, leaderboard.csv and the picture into ``folder``.

    ``results`` has the finished runs of the ``scenario``, and ``about`` the text about it. Raises
    UserError if a run is missing.
    """
    runs = [read_run(results / name.folder) for name in runs_of(scenario)]
    ensembles = all_ensembles(scenario, runs, results)
    rows = rows_of(scenario, runs, ensembles)
    lines = read_leaderboard(results / "leaderboard.csv")
    sentences = significance(lines) + [f"{verdict(ensemble, runs)}." for ensemble in ensembles]
    folder.mkdir(parents=True, exist_ok=True)
    picture = picture_of(rows)
    save(picture.figure, folder / picture.file)
    write_text(folder / "leaderboard.csv", _without(LEFT_OUT, results / "leaderboard.csv"))
    text = TEMPLATE.read_text(encoding="utf-8").format(
        title=scenario.title,
        about=about.read_text(encoding="utf-8").strip(),
        scenario=scenario.name,
        picture=f"![{picture.title}]({picture.file})\n\n{picture.points}",
        measured=measured_on(runs),
        seeds=counted(len(scenario.seeds), "seed"),
        tables="\n\n".join(_table(name, rows) for name in scenario.datasets),
        significance="\n".join(f"* {sentence}" for sentence in sentences),
        example=runs[0].record.name.folder,
    )
    write_text(folder / "README.md", text)


def _table(dataset: str, rows: Sequence[Row]) -> str:
    """Return the table of a dataset, the best row first."""
    of_dataset = [row for row in rows if row.dataset == dataset]
    lines = [
        f"| `{row.name}` | {row.model} | {row.parameters:,} | {row.auc} | {row.microseconds:,.0f} "
        f"| {in_words(row.seconds)} |"
        for row in sorted(of_dataset, key=lambda row: -mean(row.aucs))
    ]
    head = "| task | model | parameters | test AUC | µs per event | training |\n" + "|---" * 6 + "|"
    return "\n".join([f"### {dataset}", "", head, *lines])


def _without(columns: Sequence[str], leaderboard: Path) -> str:
    """Return the text of a leaderboard without some columns."""
    rows = list(csv.reader(leaderboard.read_text(encoding="utf-8").splitlines()))
    kept = [place for place, name in enumerate(rows[0]) if name not in columns]
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows([row[place] for place in kept] for row in rows)
    return text.getvalue()
