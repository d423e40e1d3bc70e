"""How significantly each task of a dataset is behind the best one."""

from collections.abc import Iterable, Sequence
from itertools import combinations
from statistics import mean

import numpy as np

from calobatch.compare.compare import compare_runs
from calobatch.run.folder import RunFolder

Runs = dict[tuple[int, int | None], RunFolder]


def behind_best(runs: Iterable[RunFolder]) -> dict[str, float]:
    """Return, for each task but the best of its dataset, the p-value of the difference to the best.

    It is the probability of so large a difference in test AUC between equally good tasks, by the
    events and the trainings, corrected for the number of pairs of tasks of the dataset
    (:func:`holm`). Left out are tasks on a part of the training events, for learning curves, and
    tasks without a seed and fold in common with the best one.
    """
    found: dict[str, float] = {}
    datasets: dict[str, dict[str, Runs]] = {}
    for run in runs:
        if run.record.training.training_events is not None:
            continue
        tasks = datasets.setdefault(run.record.dataset_sha256, {})
        tasks.setdefault(run.record.task, {})[run.record.seed, run.record.fold] = run
    for tasks in datasets.values():
        best = max(tasks, key=lambda task: mean(_test_aucs(tasks[task])))
        p_of = {
            pair: p
            for pair in combinations(tasks, 2)
            if (p := _p(tasks[pair[0]], tasks[pair[1]])) is not None
        }
        for pair, p in zip(p_of, holm(list(p_of.values())), strict=True):
            if best in pair:
                (other,) = set(pair) - {best}
                found[other] = p
    return found


def holm(p_values: Sequence[float]) -> list[float]:
    """Return p-values corrected for their number, in the same order.

    If those below 0.05 are called significant, the probability that any of them is so by chance is
    at most 0.05. Source: Holm, Scandinavian Journal of Statistics 6 (1979), p. 65.
    """
    order = np.argsort(p_values)
    raised = np.asarray(p_values)[order] * np.arange(len(p_values), 0, -1)
    corrected = np.empty(len(p_values))
    corrected[order] = np.minimum(np.maximum.accumulate(raised), 1)
    return [float(p) for p in corrected]


def _test_aucs(runs: Runs) -> list[float]:
    return [run.metrics.splits["test"].auc for run in runs.values()]


def _p(first: Runs, second: Runs) -> float | None:
    """Return the p-value of the difference of two tasks; None if they have no seed in common."""
    common = sorted(first.keys() & second.keys(), key=str)
    if not common:
        return None
    folders = [[runs[key].folder for key in common] for runs in (first, second)]
    return compare_runs(folders[0][0].parent, folders[1][0].parent, *folders).p
