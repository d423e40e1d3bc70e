"""The uncertainty of a difference of AUCs on the same events, by drawing the events anew."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from calobatch.run.auc import auc_of_counts, counts
from calobatch.run.predictions import Predictions
from calobatch.run.resampling import counted, drawn

SAMPLES, SEED = 1_000, 0


def paired_differences(
    first: Sequence[Predictions], second: Sequence[Predictions], samples: int = SAMPLES
) -> NDArray[np.float64]:
    """Return the mean AUC of ``second`` minus that of ``first`` in each replica, (samples).

    All predictions are of the same events. A replica draws events with replacement, separately in
    each class, and all AUCs of the replica are of these events. Of several classes, an AUC is the
    mean over the classes, each against all others.
    """
    label, weight = first[0].label, first[0].weight
    classes = np.unique(label)
    events_of = {which: counted(label == which, weight) for which in classes.tolist()}
    ranked = [[_ranks(test) for test in side] for side in (first, second)]
    random = np.random.default_rng(SEED)
    found = np.empty(samples)
    for sample in range(samples):
        replica = {which: drawn(events, random) for which, events in events_of.items()}
        means = [np.mean([_auc(of_run, replica, weight) for of_run in side]) for side in ranked]
        found[sample] = means[1] - means[0]
    return found


# The number of distinct scores and the rank of each event, for each signal class.
Ranks = list[tuple[int, int, NDArray[np.int64]]]


def _ranks(test: Predictions) -> Ranks:
    """Return the ranks of the scores; a replica then needs no sorting."""
    columns = {1: test.score} if test.score.ndim == 1 else dict(enumerate(test.score.T))
    return [
        (signal, len(distinct), rank)
        for signal, score in columns.items()
        for distinct, rank in [np.unique(score, return_inverse=True)]
    ]


def _auc(
    ranks: Ranks, replica: dict[int, NDArray[np.int64]], weight: NDArray[np.float64] | None
) -> float:
    aucs = []
    for signal, distinct, rank in ranks:
        others = np.concatenate([events for which, events in replica.items() if which != signal])
        sides = [counts(rank, events, distinct, weight) for events in (replica[signal], others)]
        aucs.append(auc_of_counts(*sides))
    return float(np.mean(aucs))
