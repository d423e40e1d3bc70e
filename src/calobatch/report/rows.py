"""The rows of the leaderboard on the page: one per task, and below it one per seed."""

from collections.abc import Sequence
from statistics import mean, stdev
from typing import NamedTuple

from calobatch.config.models import Scenario, Task
from calobatch.errors import UserError
from calobatch.run.folder import RunFolder
from calobatch.run.leaderboard import Line
from calobatch.run.metrics import SplitMetrics


class Spread(NamedTuple):
    """The mean over seeds and their standard deviation, which is None if there is only one seed."""

    mean: float
    deviation: float | None


class PairRow(NamedTuple):
    """The test AUC of two classes; the interval is that of the first seed."""

    auc: Spread
    low: float
    high: float


class ClassRow(NamedTuple):
    """The test AUC of one of several classes: against all others, and against each other one."""

    auc: Spread
    low: float
    high: float
    pairs: dict[str, PairRow]


class SeedRow(NamedTuple):
    """One run: its lines of the leaderboard, and values that are only in its folder."""

    seed: int
    test: Line
    validation: Line
    rejection: float | None  # 1 / background efficiency at 50 % signal efficiency
    ranks: int


class TaskRow(NamedTuple):
    """All runs of a task and the means over them.

    ``rejection`` is None if it is None for any of the runs. ``classes`` is empty with two classes.
    """

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
    classes: dict[str, ClassRow]


def task_rows(
    scenario: Scenario,
    runs: Sequence[RunFolder],
    leaderboard: Sequence[Line],
    colours: dict[str, str],
) -> list[TaskRow]:
    """Return one row for each task that has runs, in the order of the scenario.

    Raises UserError if the leaderboard does not have a run.
    """
    lines = {(line.task, line.seed, line.split): line for line in leaderboard}
    of_task: dict[str, list[RunFolder]] = {name: [] for name in scenario.tasks}
    for run in runs:
        of_task[run.record.task].append(run)
    return [
        _task_row(name, scenario.tasks[name], colours[name], found, lines)
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
            "with the same runs first"
        ) from None
    rejection = run.metrics.splits["test"].rejection_at_50
    return SeedRow(seed, test, validation, rejection, run.record.ranks)


def _task_row(
    name: str,
    task: Task,
    colour: str,
    runs: Sequence[RunFolder],
    lines: dict[tuple[str, int, str], Line],
) -> TaskRow:
    runs = sorted(runs, key=lambda run: run.record.seed)
    seeds = tuple(_seed_row(run, lines) for run in runs)
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
        classes=_class_rows([run.metrics.splits["test"] for run in runs]),
    )


def _class_rows(tests: Sequence[SplitMetrics]) -> dict[str, ClassRow]:
    """Return the rows of the classes, given the test metrics of each seed."""
    first = tests[0]
    pairs: dict[tuple[str, str], PairRow] = {}
    for number, pair in enumerate(first.pairs):
        auc = spread([test.pairs[number].auc for test in tests])
        for names in ((pair.first, pair.second), (pair.second, pair.first)):
            pairs[names] = PairRow(auc, pair.auc_low, pair.auc_high)
    return {
        name: ClassRow(
            auc=spread([test.classes[name].auc for test in tests]),
            low=found.auc_low,
            high=found.auc_high,
            pairs={other: pairs[name, other] for other in first.classes if other != name},
        )
        for name, found in first.classes.items()
    }


def spread(values: Sequence[float]) -> Spread:
    """Return the mean and the standard deviation of a sample (divided by n - 1)."""
    return Spread(mean(values), stdev(values) if len(values) > 1 else None)
