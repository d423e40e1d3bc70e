"""leaderboard.csv: one line per finished run and split."""

import csv
from collections.abc import Mapping, Sequence
from itertools import groupby
from pathlib import Path
from statistics import mean, stdev
from typing import Annotated, Any

from pydantic import BeforeValidator, ValidationError

from calobatch.atomic import atomic_path
from calobatch.config.models import SPLITS, Scenario
from calobatch.errors import UserError
from calobatch.record import Record
from calobatch.run.folder import RunFolder
from calobatch.run.mark import Mark

OTHER_DATA = (
    "The reference AUCs were measured on the public CMS data. These runs used simulated "
    "stand-ins, so their AUCs are not comparable with the references."
)
# The columns that are printed in a terminal: as many as fit into a line.
SHOWN = ("task", "seed", "split", "auc", "auc_low", "auc_high", "accuracy", "reference_auc")


def _none_if_empty(cell: Any) -> Any:
    return None if cell == "" else cell


class Line(Record):
    """One line of the leaderboard. Its fields are the columns of the file, in this order."""

    task: str
    dataset: str
    model: str
    seed: int
    split: str
    n_events: int
    auc: float
    auc_low: float
    auc_high: float
    accuracy: float
    parameters: int
    ranks: int
    events_per_second: float
    # None if nothing was published for this split; the cell of the file is empty then.
    reference_auc: Annotated[float | None, BeforeValidator(_none_if_empty)]
    run_id: str  # the id of the run in MLflow
    mark: Mark = ""  # that of the run's record, on all its lines
    # Whether the dataset is simulated. Files of older versions do not have this column.
    simulated: bool = False


COLUMNS = tuple(Line.model_fields)


def write_leaderboard(
    scenario: Scenario, runs: Sequence[RunFolder], run_ids: Mapping[Path, str], path: Path
) -> None:
    """Write the leaderboard, either the whole file or nothing.

    ``run_ids`` has the id of the MLflow run for each run folder.
    """
    with atomic_path(path) as partial, partial.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        writer.writeheader()
        for run in runs:
            for split in SPLITS:
                writer.writerow(_cells(_line(scenario, run, split, run_ids[run.folder])))


def _line(scenario: Scenario, run: RunFolder, split: str, run_id: str) -> Line:
    record, measured = run.record, run.metrics.splits[split]
    reference = {str(name): auc for name, auc in scenario.tasks[record.task].reference_auc.items()}
    return Line(
        task=record.task,
        dataset=record.dataset,
        model=record.training.model,
        seed=record.seed,
        split=split,
        n_events=measured.events,
        auc=measured.auc,
        auc_low=measured.auc_low,
        auc_high=measured.auc_high,
        accuracy=measured.accuracy,
        parameters=record.parameters,
        ranks=record.ranks,
        events_per_second=record.events_per_second,
        reference_auc=reference.get(split),
        run_id=run_id,
        mark=record.mark,
        simulated=record.simulated,
    )


def _cells(line: Line) -> dict[str, object]:
    """Return the cells of a line: floating-point numbers are rounded, None is an empty cell."""
    digits = dict.fromkeys(("auc", "auc_low", "auc_high", "accuracy"), 6) | {"events_per_second": 1}
    return {
        name: f"{value:.{digits[name]}f}" if name in digits else "" if value is None else value
        for name, value in line
    }


def read_leaderboard(path: Path) -> list[Line]:
    """Return all lines of a leaderboard.

    Raises UserError if the file is missing, or if one of its lines is not valid.
    """
    try:
        with path.open(encoding="utf-8", newline="") as file:
            return [Line.model_validate(line) for line in csv.DictReader(file)]
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"cannot read {path}: {error}; run the scenario first") from None
    except ValidationError as error:
        columns = ", ".join(str(problem["loc"][0]) for problem in error.errors())
        raise UserError(
            f"{path} has a line with a missing or invalid value of {columns}; "
            "run `calobatch collect` again"
        ) from None


def check_leaderboard(
    lines: Sequence[Line], scenario: Scenario, runs: Sequence[RunFolder], path: Path
) -> None:
    """Raise a UserError if a line of the file ``path`` has other numbers than the files of its run.

    The file is text that people and programs read, so it has no checksum. Only the name of the run
    in MLflow is nowhere else.
    """
    of_run = {(run.record.task, run.record.seed): run for run in runs}
    for line in lines:
        run = of_run.get((line.task, line.seed))
        if run is None or line.split not in SPLITS:
            continue
        found, right = _cells(line), _cells(_line(scenario, run, line.split, line.run_id))
        # A file of an older version may have fewer columns.
        if any(found[column] != right[column] for column in line.model_fields_set):
            raise UserError(
                f"{path} and {run.folder} have different numbers for the {line.split} split; run "
                "`calobatch collect` again"
            )


def format_leaderboard(path: Path) -> str:
    """Return the validation and test lines of the leaderboard as a table for a terminal.

    Tasks with several seeds have a line with the means over them, and their standard deviation in
    the AUC. The table has a column of marks only if a run has one. A note below it says if a
    reference is that of other data.
    """
    lines = [line for line in read_leaderboard(path) if line.split != "train"]
    shown = (*SHOWN, "mark") if any(line.mark for line in lines) else SHOWN
    rows: list[Sequence[str]] = [shown]
    for _, same in groupby(lines, lambda line: line.task):
        of_task = list(same)
        rows += [[_short(getattr(line, column)) for column in shown] for line in of_task]
        for split in SPLITS:
            of_split = [line for line in of_task if line.split == split]
            if len(of_split) > 1:
                means = _means(of_split)
                rows.append([means.get(column, "") for column in shown])
    widths = [max(len(row[i]) for row in rows) for i in range(len(shown))]
    table = [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]
    other_data = any(line.simulated and line.reference_auc is not None for line in lines)
    return "\n".join([*table, *(["", OTHER_DATA] if other_data else [])])


def _means(lines: Sequence[Line]) -> dict[str, str]:
    """Return the cells of the means over the seeds of one task and split."""
    first, aucs = lines[0], [line.auc for line in lines]
    return {
        "task": first.task,
        "seed": f"mean of {len(lines)}",
        "split": first.split,
        "auc": f"{mean(aucs):.4f} ± {stdev(aucs):.4f}",
        "accuracy": _short(mean(line.accuracy for line in lines)),
        "reference_auc": _short(first.reference_auc),
    }


def _short(value: object) -> str:
    if value is None:
        return "-"
    return f"{value:.4f}" if isinstance(value, float) else str(value)
