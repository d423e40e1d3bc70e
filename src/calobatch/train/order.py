"""Which events a rank sees at each step: a pure function of seed, epoch, rank and ranks."""

import itertools
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray


class Share(NamedTuple):
    """A rank's part of one batch, and the number of events of the batch over all ranks."""

    events: NDArray[np.int64]
    batch_events: int

    def parts(self, number: int) -> list[NDArray[np.int64]]:
        """Return the events in ``number`` parts of the same size or one less, none empty."""
        return [part for part in np.array_split(self.events, number) if len(part)]


def epoch_steps(events: int, batch_size: int, ranks: int) -> int:
    """Return the number of steps of an epoch, the same on every rank.

    A last batch too small to give every rank an event is joined to the one before it.
    """
    steps, rest = divmod(events, batch_size)
    return max(steps + (rest >= ranks), 1)


def epoch_batches(
    events: NDArray[np.int64], batch_size: int, *, seed: int, epoch: int, rank: int, ranks: int
) -> list[Share]:
    """Return this rank's share of each batch of an epoch, as event indices.

    ``batch_size`` counts the events of all ranks together. Over all ranks every event appears
    exactly once, every rank has the same number of steps, and none has an empty share. The
    batches do not depend on the number of ranks (but for the joined last one).
    """
    shuffled = np.random.default_rng([seed, epoch]).permutation(events)
    steps = epoch_steps(len(events), batch_size, ranks)
    edges = [*range(0, steps * batch_size, batch_size), len(events)]
    spans = itertools.pairwise(edges)
    return [Share(shuffled[start:stop][rank::ranks], stop - start) for start, stop in spans]


def rank_share(events: NDArray[np.int64], rank: int, ranks: int) -> NDArray[np.int64]:
    """Return the consecutive events that a rank scores; all ranks' shares in order are all."""
    return np.array_split(events, ranks)[rank]
