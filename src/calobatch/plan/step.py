"""Model the time of one training step: each rank computes, then the ranks average gradients.

The two do not overlap: the gradients are sent as one tensor, once the last of them is computed (see
:mod:`calobatch.train.gradients`).
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from calobatch.config.training import Training
from calobatch.plan.allreduce import Network
from calobatch.plan.fit import fit_relative
from calobatch.plan.measurements import TrainingSpeed

BYTES_PER_GRADIENT, BYTES_PER_COMPRESSED_GRADIENT = 4, 2


def gradient_bytes(parameters: int, settings: Training) -> int:
    """Return the bytes of all gradients of a model, as the ranks send them."""
    compressed = settings.compress_gradients
    return parameters * (BYTES_PER_COMPRESSED_GRADIENT if compressed else BYTES_PER_GRADIENT)


class Compute(NamedTuple):
    """The computing of a rank: seconds per step, for any batch size, plus seconds per event."""

    per_step: float
    per_event: float

    def seconds(self, local_batch: float) -> float:
        """Return the seconds for ``local_batch`` events, the part of a batch that one rank has."""
        return self.per_step + self.per_event * local_batch

    def times(self, factor: float) -> "Compute":
        """Return the same computing at ``factor`` times the duration."""
        return Compute(self.per_step * factor, self.per_event * factor)


class Step(NamedTuple):
    """A step of a task on a network. ``gradient_bytes``: size of the message with all gradients."""

    compute: Compute
    network: Network
    gradient_bytes: float

    def seconds(self, batch: float, ranks: int) -> float:
        """Return the seconds of a step that shares ``batch`` events among ``ranks``."""
        return self.compute.seconds(batch / ranks) + self.communication(ranks)

    def communication(self, ranks: int) -> float:
        """Return the seconds of a step in which the ranks average gradients."""
        return self.network.allreduce(self.gradient_bytes, ranks)

    def events_per_second(self, batch: float, ranks: int) -> float:
        """Return the events per second of all ranks together."""
        return batch / self.seconds(batch, ranks)

    def efficiency(self, batch: float, ranks: int, batch_of_one: float) -> float:
        """Return the speed divided by ``ranks`` times the speed of one rank with ``batch_of_one``.

        In strong scaling ``batch`` equals ``batch_of_one``; in weak scaling it is ``ranks`` times
        as large.
        """
        alone = self.events_per_second(batch_of_one, 1)
        return self.events_per_second(batch, ranks) / (ranks * alone)


def fit_compute(speeds: Sequence[TrainingSpeed]) -> Compute:
    """Return the computing that fits trainings of one task with the least relative errors.

    Only the trainings with the fewest ranks are used; if that is more than one rank, their
    communication counts as computing. If all have the same batch size, the cost per step cannot be
    separated from the cost per event, and is taken as 0.
    """
    chosen = fewest_ranks(speeds)
    batches = np.array([speed.local_batch for speed in chosen])
    # The seconds of a step are per_step * 1 + per_event * batch.
    terms = np.stack([np.ones_like(batches), batches], axis=1)
    if not tells_steps_from_events(chosen):
        terms[:, 0] = 0.0
    seconds = np.array([speed.step_seconds for speed in chosen])
    per_step, per_event = map(float, fit_relative(terms, seconds))
    return Compute(per_step, per_event)


def fewest_ranks(speeds: Sequence[TrainingSpeed]) -> list[TrainingSpeed]:
    """Return the trainings with the fewest ranks."""
    fewest = min(speed.ranks for speed in speeds)
    return [speed for speed in speeds if speed.ranks == fewest]


def tells_steps_from_events(speeds: Sequence[TrainingSpeed]) -> bool:
    """Return whether the batch sizes differ enough to fit a cost per step and one per event.

    The mean batch sizes of two trainings with the same setting can differ a little, because the
    last batch of an epoch may be incomplete.
    """
    sizes = [speed.local_batch for speed in speeds]
    return max(sizes) > 1.3 * min(sizes)
