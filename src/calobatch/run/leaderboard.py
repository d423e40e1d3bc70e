"""leaderboard.csv: one line per finished run, or ensemble of them, and split."""

import csv
from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import groupby
from pathlib import Path
from statistics import mean, stdev
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, ValidationError

from calobatch.config.dataset import SPLITS
from calobatch.errors import UserError
from calobatch.record import Record
from calobatch.run.mark import Mark
from calobatch.words import joined, p_value

OTHER_DATA = (
    "The reference AUCs were measured on the public CMS data. These runs used simulated "
    "stand-ins, so their AUCs are not comparable with the references."
)
# A smaller probability of a difference by chance is called significant.
SIGNIFICANT = 0.05
CORRECTED = (
    "p is the probability that a difference this large arises by chance, corrected for the number "
    "of pairs of tasks on the dataset (Holm's method)."
)
ONE_TRAINING = (
    "For a task with one training, p does not take into account that another seed could change "
    "its AUC."
)
SPREAD = "The number after ± is the standard deviation of the AUCs of single trainings."
# The columns that are printed in a terminal: as many as fit into a line.
SHOWN = ("task", "seed", "fold", "split", "auc", "auc_low", "auc_high", "accuracy", "reference_auc")


def _none_if_empty(cell: Any) -> Any:
    return None if cell == "" else cell


# What tells a run from all others: its task, seed and fold, as in the lines.
RunKey = tuple[str, int | str, int | str | None]
# The same, and a split.
LineKey = tuple[str, int | str, int | str | None, str]


class Line(Record):
    """One line of the leaderboard. Its fields are the columns of the file, in this order."""

    task: str
    dataset: str
    model: str
    # "all" for an ensemble, which is called `task`; its model is "ensemble".
    seed: int | Literal["all"]
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
    # Files of older versions do not have the following columns.
    simulated: bool = False  # the dataset
    # Counted from 1, or "all" for the mean over them; None if the dataset has no folds.
    fold: Annotated[int | Literal["all"] | None, BeforeValidator(_none_if_empty)] = None
    # Of all folds: the standard deviation of their AUCs.
    auc_std: Annotated[float | None, BeforeValidator(_none_if_empty)] = None
    # The number of events without weights that would be as precise; None if events have none.
    effective_events: Annotated[float | None, BeforeValidator(_none_if_empty)] = None
    # Of the test split, on all lines of a task: the probability that it is so far behind the best
    # task of its dataset by chance (calobatch.compare.behind_best); None for the best itself.
    p_behind_best: Annotated[float | None, BeforeValidator(_none_if_empty)] = None
    # The task's key of that name: the number of events of the training split that were used.
    training_events: Annotated[int | None, BeforeValidator(_none_if_empty)] = None

    @property
    def key(self) -> LineKey:
        """What tells the line from all others."""
        return self.task, self.seed, self.fold, self.split


COLUMNS = tuple(Line.model_fields)
# The format of the columns that do not have all digits.
FORMATS = (
    dict.fromkeys(("auc", "auc_low", "auc_high", "auc_std", "accuracy"), ".6f")
    | dict.fromkeys(("effective_events", "events_per_second"), ".1f")
    | {"p_behind_best": ".2g"}
)


def cells_of(line: Line) -> dict[str, object]:
    """Return the cells of a line: floating-point numbers are rounded, None is an empty cell."""
    return {
        name: "" if value is None else format(value, FORMATS[name]) if name in FORMATS else value
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


def format_leaderboard(path: Path) -> str:
    """Return the validation and test lines of the leaderboard as a table for a terminal.

    Tasks with several seeds or folds have a line with the means over them, and their standard
    deviation in the AUC. The table has columns of folds and of marks only if a run has one. Notes
    below it say which differences are significant, explain the deviation, and say if a reference
    was measured on other data.
    """
    # The mean over the folds of one seed is left to the line with the means.
    lines = [
        line for line in read_leaderboard(path) if line.split != "train" and line.fold != "all"
    ]
    shown = [
        *(column for column in SHOWN if column != "fold" or any(line.fold for line in lines)),
        *(["mark"] if any(line.mark for line in lines) else []),
    ]
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
    notes = significance(lines)
    if any(" ± " in row for row in table):
        notes.append(SPREAD)
    if any(line.simulated and line.reference_auc is not None for line in lines):
        notes.append(OTHER_DATA)
    return "\n".join([*table, *([""] if notes else []), *notes])


def significance(lines: Sequence[Line]) -> list[str]:
    """Say of each dataset whether its best task is significantly better than the others.

    Tasks on a part of the training events, for learning curves, and ensembles are left out.
    """
    tests = [
        line
        for line in lines
        if line.split == "test"
        and "all" not in (line.fold, line.seed)
        and line.training_events is None
    ]
    said = []
    for dataset in dict.fromkeys(line.dataset for line in tests):
        of_task: dict[str, list[Line]] = {}
        for line in tests:
            if line.dataset == dataset:
                of_task.setdefault(line.task, []).append(line)
        best = max(of_task, key=lambda task: mean(line.auc for line in of_task[task]))
        compared = {
            task: p
            for task, of_this in of_task.items()
            if task != best and (p := of_this[0].p_behind_best) is not None
        }
        parts = [
            f"{verdict} better than {joined(found)}"
            for verdict, found in (
                ("significantly", _with_p(compared, significant=True)),
                ("not significantly", _with_p(compared, significant=False)),
            )
            if found
        ]
        if parts:
            said.append(f"On {dataset}, {best} is {', but '.join(parts)}.")
    if not said:
        return []
    few = min(Counter((line.dataset, line.task) for line in tests).values()) == 1
    return [*said, CORRECTED, *([ONE_TRAINING] if few else [])]


def _with_p(compared: Mapping[str, float], *, significant: bool) -> list[str]:
    return [
        f"{task} ({p_value(p)})" for task, p in compared.items() if (p < SIGNIFICANT) == significant
    ]


def _means(lines: Sequence[Line]) -> dict[str, str]:
    """Return the cells of the means over the seeds and folds of one task and split."""
    first = lines[0]
    return {
        "task": first.task,
        "seed": f"mean of {len(lines)}",
        "fold": "",
        "split": first.split,
        "auc": mean_auc([line.auc for line in lines]),
        "accuracy": _short(mean(line.accuracy for line in lines)),
        "reference_auc": _short(first.reference_auc),
    }


def mean_auc(aucs: Sequence[float]) -> str:
    """Return the mean of several AUCs with their standard deviation, as in 0.7541 ± 0.0012."""
    return f"{mean(aucs):.4f} ± {stdev(aucs):.4f}"


def _short(value: object) -> str:
    if value is None:
        return "-"
    return f"{value:.4f}" if isinstance(value, float) else str(value)
