"""The lines of leaderboard.csv, made from the files of runs or compared with them."""

import csv
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from statistics import mean
from types import MappingProxyType
from typing import Any

from calobatch.atomic import atomic_path
from calobatch.config.dataset import SPLITS
from calobatch.config.scenario import Scenario
from calobatch.errors import UserError
from calobatch.run.ensemble import EnsembleFolder
from calobatch.run.folder import RunFolder
from calobatch.run.folds import Folds, complete_folds, fold_metrics
from calobatch.run.leaderboard import COLUMNS, Line, RunKey, cells_of

# The columns that check_leaderboard leaves out.
NOT_CHECKED = {"run_id", "p_behind_best"}


def write_leaderboard(
    scenario: Scenario,
    runs: Sequence[RunFolder],
    run_ids: Mapping[RunKey, str],
    path: Path,
    behind_best: Mapping[str, float] = MappingProxyType({}),
    ensembles: Sequence[EnsembleFolder] = (),
) -> None:
    """Write the leaderboard, either the whole file or nothing.

    ``run_ids`` has the id of the MLflow run of each run, and ``behind_best`` the p-value of each
    task that was compared with the best one of its dataset. The runs of all folds of a task, if
    there are some, are followed by a line with the mean over them. The last lines are those of the
    ``ensembles``.
    """
    with atomic_path(path) as partial, partial.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        writer.writeheader()
        for line in _lines(scenario, runs, ensembles):
            known: dict[str, Any] = {"run_id": run_ids[line.key[:3]]}
            if line.split == "test":
                known["p_behind_best"] = behind_best.get(line.task)
            writer.writerow(cells_of(line.model_copy(update=known)))


def _lines(
    scenario: Scenario, runs: Sequence[RunFolder], ensembles: Sequence[EnsembleFolder]
) -> Iterator[Line]:
    """Yield the lines of all runs, folds of a task and ensembles, without their run_id."""
    last_of = {folds.runs[-1].folder: folds for folds in complete_folds(scenario, runs)}
    for run in runs:
        for split in SPLITS:
            yield _line(scenario, run, split)
        if folds := last_of.get(run.folder):
            yield _line_of_folds(scenario, folds)
    for ensemble in ensembles:
        for split in SPLITS:
            yield _line_of_ensemble(scenario, ensemble, split)


def _line_of_ensemble(scenario: Scenario, ensemble: EnsembleFolder, split: str) -> Line:
    """Return the line of an ensemble, whose cost is that of all its members together."""
    measured = ensemble.metrics.splits[split]
    return _line(scenario, ensemble.runs[0], split).model_copy(
        update={
            "task": ensemble.record.name,
            "model": "ensemble",
            "seed": "all",
            "auc": measured.auc,
            "auc_low": measured.auc_low,
            "auc_high": measured.auc_high,
            "accuracy": measured.accuracy,
            "parameters": ensemble.parameters,
            "ranks": max(run.record.ranks for run in ensemble.runs),
            "events_per_second": ensemble.events_per_second,
            "reference_auc": None,
            "mark": next((run.record.mark for run in ensemble.runs if run.record.mark), ""),
        }
    )


def _line_of_folds(scenario: Scenario, folds: Folds) -> Line:
    """Return the line of the mean over all folds, each with its own test split."""
    metrics, first = fold_metrics(folds), _line(scenario, folds.runs[0], "test")
    effective = [test.effective_events for test in folds.tests if test.effective_events is not None]
    return first.model_copy(
        update={
            "fold": "all",
            "n_events": metrics.events,
            "auc": metrics.auc,
            "auc_low": metrics.auc_low,
            "auc_high": metrics.auc_high,
            "auc_std": metrics.auc_std,
            "accuracy": metrics.accuracy,
            "effective_events": sum(effective) if effective else None,
            "events_per_second": mean(run.record.events_per_second for run in folds.runs),
            "mark": next((run.record.mark for run in folds.runs if run.record.mark), ""),
        }
    )


def _line(scenario: Scenario, run: RunFolder, split: str) -> Line:
    record, measured = run.record, run.metrics.splits[split]
    reference = {str(name): auc for name, auc in scenario.tasks[record.task].reference_auc.items()}
    return Line(
        task=record.task,
        dataset=record.dataset,
        model=record.training.model,
        seed=record.seed,
        fold=record.fold,
        split=split,
        n_events=measured.events,
        auc=measured.auc,
        auc_low=measured.auc_low,
        auc_high=measured.auc_high,
        accuracy=measured.accuracy,
        effective_events=measured.effective_events,
        parameters=record.parameters,
        ranks=record.ranks,
        events_per_second=record.events_per_second,
        reference_auc=reference.get(split),
        run_id="",
        mark=record.mark,
        simulated=record.simulated,
        training_events=record.training.training_events,
    )


def check_leaderboard(
    lines: Sequence[Line],
    scenario: Scenario,
    runs: Sequence[RunFolder],
    path: Path,
    ensembles: Sequence[EnsembleFolder] = (),
) -> None:
    """Raise a UserError if a line of the file ``path`` differs from the files of its run.

    The file is text that people and programs read, so it has no checksum. The id of the run in
    MLflow is not compared, because it is stored nowhere else, and neither are the p-values,
    because computing them again takes minutes.
    """
    right_lines = {line.key: line for line in _lines(scenario, runs, ensembles)}
    for line in lines:
        if line.key not in right_lines:
            continue
        found, right = cells_of(line), cells_of(right_lines[line.key])
        # A file of an older version may have fewer columns.
        if any(found[column] != right[column] for column in line.model_fields_set - NOT_CHECKED):
            fold = f", fold {line.fold}" if line.fold else ""
            seed = f", seed {line.seed}" if line.seed != "all" else ""
            raise UserError(
                f"{path} and the files of {line.task}{seed}{fold} have different "
                f"numbers for the {line.split} split; run `calobatch collect` again"
            )
