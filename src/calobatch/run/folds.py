"""The runs of all folds of a task with one seed, together: every event is tested once."""

import hashlib
from collections.abc import Sequence
from math import sqrt
from pathlib import Path
from statistics import mean, stdev
from typing import NamedTuple

from calobatch.config.scenario import Scenario
from calobatch.run.files import PREDICTIONS_FILE
from calobatch.run.folder import RunFolder
from calobatch.run.metrics import SplitMetrics
from calobatch.run.name import RunName, out_of_fold_file
from calobatch.run.predictions import write_out_of_fold


class Folds(NamedTuple):
    """All folds of a task with one seed. ``runs`` has one run per fold, in their order."""

    task: str
    seed: int
    runs: tuple[RunFolder, ...]

    @property
    def name(self) -> str:
        """The name of the folds among the runs of the task."""
        return f"folds_seed{self.seed}"

    @property
    def tests(self) -> list[SplitMetrics]:
        """The metrics of the test split of each fold."""
        return [run.metrics.splits["test"] for run in self.runs]

    @property
    def fingerprint(self) -> str:
        """A SHA-256 that changes if the training of a fold is repeated."""
        return hashlib.sha256("".join(run.fingerprint for run in self.runs).encode()).hexdigest()


class FoldMetrics(NamedTuple):
    """The test metrics of all folds together.

    ``auc`` is the mean over the folds and ``auc_std`` their standard deviation. The AUC of all
    events at once is not used, because the scores of different trainings need not have the same
    scale. The interval of the mean has the uncertainty of the test events, not that of the
    trainings: the distances of the folds' own bounds from their AUCs are added in quadrature,
    because their test events are independent, and divided by the number of folds. ``accuracy``
    counts all events.
    """

    events: int
    auc: float
    auc_std: float
    auc_low: float
    auc_high: float
    accuracy: float


def complete_folds(scenario: Scenario, runs: Sequence[RunFolder]) -> list[Folds]:
    """Return the folds of each task and seed that has a run for every fold, in order of tasks."""
    found = {run.record.name: run for run in runs}
    complete = []
    for task, settings in scenario.tasks.items():
        numbers = scenario.datasets[settings.dataset].split.fold_numbers
        for seed in scenario.seeds if numbers else ():
            names = [RunName(task, seed, fold) for fold in numbers]
            if all(name in found for name in names):
                complete.append(Folds(task, seed, tuple(found[name] for name in names)))
    return complete


def fold_metrics(folds: Folds) -> FoldMetrics:
    """Return the test metrics of all folds together."""
    tests = folds.tests
    auc = mean(test.auc for test in tests)
    below = sqrt(sum((test.auc - test.auc_low) ** 2 for test in tests)) / len(tests)
    above = sqrt(sum((test.auc_high - test.auc) ** 2 for test in tests)) / len(tests)
    events = sum(test.events for test in tests)
    # The number of events that each fold counts, which differs if they have weights.
    counted = [sum(map(sum, test.confusion)) for test in tests]
    right = sum(test.accuracy * n for test, n in zip(tests, counted, strict=True))
    return FoldMetrics(
        events=events,
        auc=auc,
        auc_std=stdev(test.auc for test in tests),
        auc_low=auc - below,
        auc_high=auc + above,
        accuracy=right / sum(counted),
    )


def join_folds(folds: Folds, results: Path) -> Path:
    """Write the prediction of each event by the fold that tests it; return the path of the file."""
    path = results / out_of_fold_file(folds.task, folds.seed)
    write_out_of_fold([run.file(PREDICTIONS_FILE) for run in folds.runs], path)
    return path
