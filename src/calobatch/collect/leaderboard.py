"""leaderboard.csv: one line for each finished run and split."""

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path

from calobatch.atomic import atomic_path
from calobatch.collect.run_folder import RunFolder
from calobatch.config.models import SPLITS, Scenario

COLUMNS = (
    "task",
    "dataset",
    "model",
    "seed",
    "split",
    "n_events",
    "auc",
    "auc_low",
    "auc_high",
    "accuracy",
    "parameters",
    "ranks",
    "events_per_second",
    "reference_auc",
    "run_id",
)


def write_leaderboard(
    scenario: Scenario, runs: Sequence[RunFolder], run_ids: Mapping[Path, str], path: Path
) -> None:
    """Write the leaderboard; ``run_ids`` are the MLflow runs, by run folder."""
    with atomic_path(path) as partial, partial.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        writer.writeheader()
        for run in runs:
            for split in SPLITS:
                writer.writerow(_line(scenario, run, split, run_ids[run.folder]))


def _line(scenario: Scenario, run: RunFolder, split: str, run_id: str) -> dict[str, object]:
    measured = run.metrics.splits[split]
    reference = dict(scenario.tasks[run.record.task].reference_auc)
    return {
        "task": run.record.task,
        "dataset": run.record.dataset,
        "model": run.record.training.model,
        "seed": run.record.seed,
        "split": split,
        "n_events": measured.events,
        "auc": f"{measured.auc:.6f}",
        "auc_low": f"{measured.auc_low:.6f}",
        "auc_high": f"{measured.auc_high:.6f}",
        "accuracy": f"{measured.accuracy:.6f}",
        "parameters": run.record.parameters,
        "ranks": run.record.ranks,
        "events_per_second": f"{run.record.events_per_second:.1f}",
        "reference_auc": reference.get(split, ""),  # type: ignore[call-overload]
        "run_id": run_id,
    }


def format_leaderboard(path: Path) -> str:
    """Return the leaderboard's validation and test lines as a table for a terminal."""
    columns = ["task", "seed", "split", "auc", "auc_low", "auc_high", "accuracy", "reference_auc"]
    with path.open(encoding="utf-8") as file:
        lines = [line for line in csv.DictReader(file) if line["split"] != "train"]
    rows = [columns, *([_short(line[column]) for column in columns] for line in lines)]
    widths = [max(len(row[i]) for row in rows) for i in range(len(columns))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    )


def _short(cell: str) -> str:
    return f"{float(cell):.4f}" if "." in cell else cell or "-"
