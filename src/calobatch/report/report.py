"""Write one self-contained page about the runs, the datasets and the leaderboard of a scenario."""

import shlex
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import yaml
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from calobatch.atomic import write_text
from calobatch.config.dataset import SPLITS
from calobatch.config.scenario import Scenario
from calobatch.config.subsets import whole_tasks
from calobatch.errors import UserError
from calobatch.progress import Progress
from calobatch.report import formats
from calobatch.report.architecture import Node, architecture
from calobatch.report.cost import draw_cost, rank_seconds
from calobatch.report.curves import (
    LOWEST_EFFICIENCY,
    draw_rejection,
    draw_roc,
    history_picture,
    signals,
    task_colours,
)
from calobatch.report.diagrams import diagram
from calobatch.report.embed import plot
from calobatch.report.ensembles import EnsembleRow, ensemble_rows
from calobatch.report.intervals import (
    axis_for,
    chart_of_ensemble,
    chart_of_mean,
    chart_of_run,
    references,
)
from calobatch.report.learning_curves import draw_learning_curves, in_words, learning_curves
from calobatch.report.looks import Looks, looks_of
from calobatch.report.rows import TaskRow, task_rows
from calobatch.report.samples import Gallery, mean_galleries, sample_gallery
from calobatch.report.searches import SearchPart, search_part
from calobatch.report.since import Since, since_last
from calobatch.report.used import used_rows
from calobatch.run.ensemble import EnsembleFolder, complete_ensembles
from calobatch.run.files import plots_in
from calobatch.run.folder import RunFolder, read_run
from calobatch.run.history import best_epoch
from calobatch.run.leaderboard import SIGNIFICANT, Line, read_leaderboard, significance
from calobatch.run.leaderboard_of_runs import check_leaderboard
from calobatch.run.mark import MEANINGS
from calobatch.run.trials import finished_searches
from calobatch.store import Manifest, Store, open_store, read_manifest
from calobatch.training_code import training_code_sha256

FOLDER = Path(__file__).parent
# The plots of evaluate that the page shows of the first run of each task.
PLOTS = {
    "scores": "Distributions of the scores",
    "calibration": "Calibration of the scores",
    "confusion": "Confusion matrix",
}


class DatasetPart(NamedTuple):
    """What the page shows of a dataset. Without runs, ``roc`` is empty and ``cost`` is None."""

    manifest: Manifest
    roc: tuple[Markup, ...]
    cost: Markup | None
    learning: Markup | None
    forecasts: tuple[str, ...]
    samples: Gallery
    means: Gallery
    difference: Gallery


class HistoryPart(NamedTuple):
    """The history of one run. ``best_auc`` is the validation AUC of the best epoch."""

    run: RunFolder
    best_auc: float
    picture: Markup


class PlotPart(NamedTuple):
    """Plots of a run or an ensemble, each as an address with what it shows in words."""

    title: str
    plots: tuple[tuple[str, str], ...]


class ModelPart(NamedTuple):
    """The model of a task, as a drawing and as a list of its layers."""

    row: TaskRow
    nodes: Sequence[Node]
    picture: Markup


# Runs that have replaced no earlier one, and those that were not interpreted, have None.
Part = DatasetPart | HistoryPart | PlotPart | ModelPart | SearchPart | Since | Looks | None


def report(
    scenario: Scenario,
    runs: Sequence[Path],
    stores: Sequence[Path],
    leaderboard: Path,
    output: Path,
    *,
    failed: Mapping[str, str] | None = None,
    changes: str = "",
) -> None:
    """Write the page ``output`` about the evaluated ``runs`` and the packed ``stores``.

    ``failed`` has the reason for each training that failed, by a name such as "my_task/seed1", and
    ``changes`` are those to keys of the scenario with which it ran.
    The same inputs give the same page, byte for byte. Raises UserError if a run does not belong to
    the scenario, is not in the leaderboard with the same numbers, or was trained on a different
    version of its dataset, and if a file is damaged.
    """
    found = _ordered(scenario, [read_run(folder) for folder in runs])
    by_dataset = {store.manifest.dataset: store for store in map(_opened, stores)}
    for run in found:
        _check(run, by_dataset)
    whole = whole_tasks(scenario.tasks)
    colours = task_colours({name: scenario.tasks[name].dataset for name in whole.values()})
    colours = {name: colours[of] for name, of in whole.items()}
    lines = read_leaderboard(leaderboard)
    ensembles = complete_ensembles(scenario, found, leaderboard.parent)
    check_leaderboard(lines, scenario, found, leaderboard, ensembles)
    rows = task_rows(scenario, found, lines, colours)
    searches = finished_searches(scenario, leaderboard.parent)
    steps = len(by_dataset) + 2 * len(found) + 3 * len(rows) + len(ensembles) + len(searches)
    parts: dict[str, list[Part]] = {}
    with Progress(f"report {scenario.name}", steps, "parts") as progress:
        for name, drawn in (
            ("datasets", (_dataset_part(s, found, whole, colours) for s in by_dataset.values())),
            ("histories", (_history_part(run) for run in found)),
            ("scores", _plot_parts(rows, found, ensembles)),
            ("looks", (_looks_part(row, found, by_dataset) for row in rows)),
            ("since", map(since_last, found)),
            (
                "searches",
                (
                    search_part(name, scenario.tasks[name], rounds, by_dataset)
                    for name, rounds in searches.items()
                ),
            ),
            ("models", (_model_part(_first(row, found), row, by_dataset) for row in rows)),
        ):
            parts[name] = []
            for part in drawn:
                parts[name].append(part)
                progress.advance(1)
    together = ensemble_rows(scenario, ensembles, lines, found)
    page = _render(scenario, found, rows, together, lines, parts, failed or {}, changes)
    write_text(output, page)


def _render(
    scenario: Scenario,
    runs: Sequence[RunFolder],
    rows: Sequence[TaskRow],
    ensembles: Sequence[EnsembleRow],
    lines: Sequence[Line],
    parts: Mapping[str, Sequence[Part]],
    failed: Mapping[str, str],
    changes: str,
) -> str:
    page = _environment().get_template("page.html")
    shown = {row.name for row in rows}
    return page.render(
        style=Markup((FOLDER / "page.css").read_text(encoding="utf-8")),  # noqa: S704
        script=Markup((FOLDER / "sort.js").read_text(encoding="utf-8")),  # noqa: S704
        scenario=scenario,
        scenario_yaml=yaml.safe_dump(scenario.model_dump(mode="json"), sort_keys=False),
        splits=SPLITS,
        runs=runs,
        packages=_packages(runs),
        rows=rows,
        missing=[name for name in scenario.tasks if name not in shown],
        failed=failed,
        again=_again(scenario, runs, changes),
        marks=sorted({run.record.mark for run in runs} - {""}),
        meanings=MEANINGS,
        older=[run for run in runs if _made_by_older_code(run)],
        confidence=runs[0].metrics.confidence,
        ensembles=ensembles,
        axis=axis_for(rows, ensembles),
        lowest_efficiency=LOWEST_EFFICIENCY,
        rank_seconds=rank_seconds,
        used=used_rows(runs),
        significant=SIGNIFICANT,
        significance=significance(lines),
        chart_of_ensemble=chart_of_ensemble,
        chart_of_run=chart_of_run,
        chart_of_mean=chart_of_mean,
        references=references,
        **parts,
    )


def _again(scenario: Scenario, runs: Sequence[RunFolder], changes: str) -> str:
    """Return the commands that make the results again, as far as git knows the code."""
    commits = {run.record.provenance.git_commit for run in runs}
    known = len(commits) == 1 and "" not in commits
    checkout = f"git checkout {commits.pop()[:12]} && " if known else ""
    given = f" SET={shlex.quote(changes)}" if changes else ""
    return f"{checkout}make run SCENARIO={scenario.name}{given}"


def _ordered(scenario: Scenario, runs: Sequence[RunFolder]) -> list[RunFolder]:
    """Return the runs in the order of the scenario's tasks, then by seed and fold."""
    if not runs:
        raise UserError("the report has no runs; name the folder of at least one evaluated run")
    order = list(scenario.tasks)
    for run in runs:
        if run.record.task not in order:
            raise UserError(
                f"{run.folder} is a run of task {run.record.task}, which is not in scenario "
                f"{scenario.name}; leave this run out"
            )
    return sorted(
        runs,
        key=lambda run: (order.index(run.record.task), run.record.name.order),
    )


def _opened(folder: Path) -> Store:
    """Return a store; one with folds for its first fold."""
    return open_store(folder, fold=1 if read_manifest(folder).split.folds else None)


def _check(run: RunFolder, stores: Mapping[str, Store]) -> None:
    dataset = run.record.dataset
    if dataset not in stores:
        raise UserError(
            f"{run.folder} was trained on {dataset}, whose store is not among --stores; add it"
        )
    if stores[dataset].manifest.events_sha256 != run.record.dataset_sha256:
        raise UserError(
            f"{run.folder} was trained on a different version of {dataset} than the one that is in "
            "its store now; train again"
        )


def _dataset_part(
    store: Store,
    runs: Sequence[RunFolder],
    whole: Mapping[str, str],
    colours: Mapping[str, str],
) -> DatasetPart:
    manifest = store.manifest
    runs = [run for run in runs if run.record.dataset == manifest.dataset]
    # The trainings on fewer events have a figure of their own.
    on_all = [run for run in runs if whole[run.record.task] == run.record.task]
    classes = manifest.classes
    drawings = (draw_roc, draw_rejection) if on_all else ()
    curves = learning_curves(runs, whole)
    means, difference = mean_galleries(store)
    return DatasetPart(
        manifest=manifest,
        roc=tuple(
            draw(on_all, colours, classes, signal)
            for signal in signals(classes)
            for draw in drawings
        ),
        cost=draw_cost(runs, colours) if runs else None,
        learning=draw_learning_curves(curves, colours) if curves else None,
        forecasts=tuple(forecast for curve in curves if (forecast := in_words(curve))),
        samples=sample_gallery(store),
        means=means,
        difference=difference,
    )


def _history_part(run: RunFolder) -> HistoryPart:
    return HistoryPart(run, best_epoch(run.history).validation_auc, history_picture(run))


def _first(row: TaskRow, runs: Sequence[RunFolder]) -> RunFolder:
    """Return the first run of a task."""
    return next(run for run in runs if run.record.name == row.runs[0].name)


def _plot_parts(
    rows: Sequence[TaskRow], runs: Sequence[RunFolder], ensembles: Sequence[EnsembleFolder]
) -> Iterator[PlotPart]:
    """Yield the plots of the first run of each task, then those of the ensembles."""
    for row in rows:
        run = _first(row, runs)
        yield _plot_part(row.name, str(run.record.name), run.folder)
    for ensemble in ensembles:
        yield _plot_part(ensemble.record.name, ensemble.record.name, ensemble.folder)


def _plot_part(title: str, which: str, folder: Path) -> PlotPart:
    """Return the plots in a folder that the page does not draw itself."""
    found = {path.stem: path for path in plots_in(folder)}
    shown = [(plot(found[name]), f"{words} of {which}")
             for name, words in PLOTS.items() if name in found]  # fmt: skip
    return PlotPart(title, tuple(shown))


def _looks_part(
    row: TaskRow, runs: Sequence[RunFolder], stores: Mapping[str, Store]
) -> Looks | None:
    return looks_of(_first(row, runs), stores[row.task.dataset], row.colour)


def _model_part(run: RunFolder, row: TaskRow, stores: Mapping[str, Store]) -> ModelPart:
    settings, layout = run.record.training, stores[run.record.dataset].layout
    nodes = architecture(settings.model, settings.model_options, layout)
    count = sum(node.parameters > 0 for node in nodes)
    words = f"Model of {row.name}: {count} layers with parameters, which the table below lists"
    return ModelPart(row, nodes, diagram(nodes, words))


def _made_by_older_code(run: RunFolder) -> bool:
    """Return whether the code of the training has changed since; False if it was not recorded."""
    record = run.record
    return record.code_sha256 not in ("", training_code_sha256(record.training.model))


def _packages(runs: Sequence[RunFolder]) -> dict[str, str]:
    """Return the version of Python and of each package, or all versions if the runs differ."""
    versions: dict[str, set[str]] = {}
    for run in runs:
        provenance = run.record.provenance
        for name, version in {"python": provenance.python, **provenance.packages}.items():
            versions.setdefault(name, set()).add(version or "not installed")
    return {name: ", ".join(sorted(found)) for name, found in versions.items()}


def _environment() -> Environment:
    environment = Environment(
        autoescape=True,
        loader=FileSystemLoader(FOLDER),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= formats.FILTERS
    return environment
