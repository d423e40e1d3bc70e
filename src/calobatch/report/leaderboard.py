"""The leaderboard as the page shows it: a row for each task, and one for each of its seeds."""

import csv
from collections.abc import Sequence
from pathlib import Path
from statistics import mean, stdev
from typing import NamedTuple

from pydantic import BaseModel, ConfigDict, ValidationError

from calobatch.collect.run_folder import RunFolder
from calobatch.config.models import Scenario, Task
from calobatch.errors import UserError


class Line(BaseModel):
    """What the page takes from one line of leaderboard.csv."""

    model_config = ConfigDict(frozen=True)

    task: str
    seed: int
    split: str
    n_events: int
    auc: float
    auc_low: float
    auc_high: float
    accuracy: float
    parameters: int
    events_per_second: float


class Spread(NamedTuple):
    """The mean over seeds and their standard deviation; None where there is one seed."""

    mean: float
    deviation: float | None


class SeedRow(NamedTuple):
    """One run: its test and validation lines and what only its folder says."""

    seed: int
    test: Line
    validation: Line
    rejection: float | None  # 1 / background efficiency at 50 % signal efficiency
    ranks: int


class TaskRow(NamedTuple):
    """All runs of a task, and the mean over them; ``reference`` is None where none is published."""

    name: str
    task: Task
    colour: str
    seeds: tuple[SeedRow, ...]
    test_auc: Spread
    validation_auc: Spread
    accuracy: Spread
    rejection: Spread | None
    events_per_second: Spread
    parameters: int
    ranks: str


def read_leaderboard(path: Path) -> dict[tuple[str, int, str], Line]:
    """Return the lines of leaderboard.csv by task, seed and split."""
    try:
        with path.open(encoding="utf-8", newline="") as file:
            lines = [Line.model_validate(line) for line in csv.DictReader(file)]
    except OSError as error:
        raise UserError(f"cannot read {path}: {error}; run `calobatch collect` first") from None
    except ValidationError as error:
        columns = ", ".join(str(problem["loc"][0]) for problem in error.errors())
        raise UserError(
            f"{path} has a line without, or with a wrong value for, {columns}; "
            "run `calobatch collect` again"
        ) from None
    return {(line.task, line.seed, line.split): line for line in lines}


def task_rows(
    scenario: Scenario,
    runs: Sequence[RunFolder],
    lines: dict[tuple[str, int, str], Line],
    colours: dict[str, str],
) -> list[TaskRow]:
    """Return a row for each task of the scenario that has runs, in the scenario's order."""
    of_task: dict[str, list[RunFolder]] = {name: [] for name in scenario.tasks}
    for run in runs:
        of_task[run.record.task].append(run)
    return [
        _task_row(name, scenario.tasks[name], colours[name], [_seed_row(r, lines) for r in found])
        for name, found in of_task.items()
        if found
    ]


def _seed_row(run: RunFolder, lines: dict[tuple[str, int, str], Line]) -> SeedRow:
    task, seed = run.record.task, run.record.seed
    try:
        test, validation = lines[task, seed, "test"], lines[task, seed, "validation"]
    except KeyError:
        raise UserError(
            f"the leaderboard has no line for task {task}, seed {seed}; run `calobatch collect` "
            "on the same runs first"
        ) from None
    rejection = run.metrics.splits["test"].rejection_at_50
    return SeedRow(seed, test, validation, rejection, run.record.ranks)


def _task_row(name: str, task: Task, colour: str, found: Sequence[SeedRow]) -> TaskRow:
    seeds = tuple(sorted(found, key=lambda row: row.seed))
    rejections = [row.rejection for row in seeds if row.rejection is not None]
    return TaskRow(
        name=name,
        task=task,
        colour=colour,
        seeds=seeds,
        test_auc=spread([row.test.auc for row in seeds]),
        validation_auc=spread([row.validation.auc for row in seeds]),
        accuracy=spread([row.test.accuracy for row in seeds]),
        rejection=spread(rejections) if len(rejections) == len(seeds) else None,
        events_per_second=spread([row.test.events_per_second for row in seeds]),
        parameters=seeds[0].test.parameters,
        ranks=", ".join(map(str, sorted({row.ranks for row in seeds}))),
    )


def spread(values: Sequence[float]) -> Spread:
    """Return mean and standard deviation (of a sample, n - 1)."""
    return Spread(mean(values), stdev(values) if len(values) > 1 else None)
