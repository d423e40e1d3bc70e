"""The rows of the leaderboard on the page: one per task, and below it one per run."""

from collections.abc import Mapping, Sequence
from statistics import mean, stdev
from typing import NamedTuple

from calobatch.config.scenario import Scenario, Task
from calobatch.errors import UserError
from calobatch.run.folder import RunFolder
from calobatch.run.leaderboard import Line, LineKey
from calobatch.run.metrics import SplitMetrics
from calobatch.run.name import RunName, counted

# The lines of the leaderboard by their keys.
Lines = Mapping[LineKey, Line]


class Spread(NamedTuple):
    """The mean over runs and their standard deviation, which is None if there is only one run."""

    mean: float
    deviation: float | None


class PairRow(NamedTuple):
    """The test AUC of two classes; the interval is that of the first run."""

    auc: Spread
    low: float
    high: float


class ClassRow(NamedTuple):
    """The test AUC of one of several classes: against all others, and against each other one."""

    auc: Spread
    low: float
    high: float
    pairs: dict[str, PairRow]


class RunRow(NamedTuple):
    """One run: its lines of the leaderboard, and values that are only in its folder."""

    name: RunName
    test: Line
    validation: Line
    rejection: float | None  # 1 / background efficiency at 50 % signal efficiency
    ranks: int


class TaskRow(NamedTuple):
    """All runs of a task and the means over them.

    ``number`` says in words which run it is, or how many. ``rejection`` is None if it is None for
    any of the runs. ``classes`` is empty with two classes.
    """

    name: str
    task: Task
    colour: str
    runs: tuple[RunRow, ...]
    number: str
    test_auc: Spread
    validation_auc: Spread
    accuracy: Spread
    rejection: Spread | None
    events_per_second: Spread
    parameters: int
    ranks: str
    classes: dict[str, ClassRow]


def line_in(lines: Lines, key: LineKey, which: str) -> Line:
    """Return the line with this key; raise UserError if there is none."""
    if key not in lines:
        raise UserError(
            f"the leaderboard has no line for {which}; run `calobatch collect` with the same runs "
            "first"
        )
    return lines[key]


def task_rows(
    scenario: Scenario,
    runs: Sequence[RunFolder],
    leaderboard: Sequence[Line],
    colours: dict[str, str],
) -> list[TaskRow]:
    """Return one row for each task that has runs, in the order of the scenario.

    Raises UserError if the leaderboard does not have a run.
    """
    lines = {line.key: line for line in leaderboard}
    of_task: dict[str, list[RunFolder]] = {name: [] for name in scenario.tasks}
    for run in runs:
        of_task[run.record.task].append(run)
    return [
        _task_row(name, scenario.tasks[name], colours[name], found, lines)
        for name, found in of_task.items()
        if found
    ]


def _run_row(run: RunFolder, lines: Lines) -> RunRow:
    record = run.record
    which = f"task {record.task}, {record.name.number}"
    test, validation = (
        line_in(lines, (record.task, record.seed, record.fold, split), which)
        for split in ("test", "validation")
    )
    rejection = run.metrics.splits["test"].rejection_at_50
    return RunRow(record.name, test, validation, rejection, record.ranks)


def _task_row(
    name: str,
    task: Task,
    colour: str,
    runs: Sequence[RunFolder],
    lines: Lines,
) -> TaskRow:
    runs = sorted(runs, key=lambda run: run.record.name.order)
    rows = tuple(_run_row(run, lines) for run in runs)
    names = [row.name for row in rows]
    rejections = [row.rejection for row in rows if row.rejection is not None]
    return TaskRow(
        name=name,
        task=task,
        colour=colour,
        runs=rows,
        number=names[0].number if len(names) == 1 else f"mean over {counted(names)}",
        test_auc=spread([row.test.auc for row in rows]),
        validation_auc=spread([row.validation.auc for row in rows]),
        accuracy=spread([row.test.accuracy for row in rows]),
        rejection=spread(rejections) if len(rejections) == len(rows) else None,
        events_per_second=spread([row.test.events_per_second for row in rows]),
        parameters=rows[0].test.parameters,
        ranks=", ".join(map(str, sorted({row.ranks for row in rows}))),
        classes=_class_rows([run.metrics.splits["test"] for run in runs]),
    )


def _class_rows(tests: Sequence[SplitMetrics]) -> dict[str, ClassRow]:
    """Return the rows of the classes, given the test metrics of each run."""
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
