"""Decide which events a rank trains on at each step.

The decision depends only on the seed, the epoch, the batch size, the rank and the number of ranks,
so a resumed training continues with the same events.
"""

import itertools
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray


class BatchShare(NamedTuple):
    """The events of one batch that a rank trains on.

    ``batch_events`` is the number of events of the batch over all ranks.
    """

    events: NDArray[np.int64]
    batch_events: int

    def parts(
        self, number: int, hit_number: NDArray[np.int64] | None = None
    ) -> list[NDArray[np.int64]]:
        """Divide the events into ``number`` parts whose sizes differ by at most one.

        Parts that would be empty are left out. With the ``hit_number`` of each event of the store,
        events with similar numbers of hits are in the same part.
        """
        events = self.events[by_hits(self.events, hit_number)]
        return [part for part in np.array_split(events, number) if len(part)]


def epoch_steps(events: int, batch_size: int, ranks: int) -> int:
    """Return the number of steps of an epoch, which is the same on every rank.

    If the last batch has fewer events than there are ranks, it is joined to the one before it.
    """
    steps, rest = divmod(events, batch_size)
    return max(steps + (rest >= ranks), 1)


def epoch_batches(
    events: NDArray[np.int64], batch_size: int, *, seed: int, epoch: int, rank: int, ranks: int
) -> list[BatchShare]:
    """Return this rank's share of each batch of an epoch, as event indices.

    ``batch_size`` is the number of events over all ranks together. Every event is in exactly one
    share of one rank, all ranks have the same number of steps, and no share is empty. The events of
    a batch do not depend on the number of ranks, except for a last batch that was joined.
    """
    shuffled = np.random.default_rng([seed, epoch]).permutation(events)
    steps = epoch_steps(len(events), batch_size, ranks)
    edges = [*range(0, steps * batch_size, batch_size), len(events)]
    spans = itertools.pairwise(edges)
    # Ranks take the events of a batch in turn, so that the sizes of shares differ by at most one.
    return [BatchShare(shuffled[start:stop][rank::ranks], stop - start) for start, stop in spans]


def first_events(events: NDArray[np.int64], number: int | None) -> NDArray[np.int64]:
    """Return ``number`` of the ``events``, in their order; all of them if it is None.

    They are drawn at random, always in the same way: those of a smaller number are among those of a
    larger one.
    """
    if number is None:
        return events
    drawn = np.random.default_rng(0).permutation(len(events))[:number]
    return events[np.sort(drawn)]


def by_hits(events: NDArray[np.int64], hit_number: NDArray[np.int64] | None) -> NDArray[np.int64]:
    """Return the order (B) that sorts ``events`` by their numbers of hits.

    ``hit_number`` has that of each event of the store; None leaves the events in their order.
    """
    if hit_number is None:
        return np.arange(len(events))
    return np.argsort(hit_number[events], kind="stable")


def rank_share(events: NDArray[np.int64], rank: int, ranks: int) -> NDArray[np.int64]:
    """Return the consecutive events that a rank scores.

    The shares of all ranks, joined in the order of ranks, are ``events``.
    """
    return np.array_split(events, ranks)[rank]
