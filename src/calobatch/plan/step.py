"""The time of one training step: what a rank computes, then what the ranks average.

Nothing overlaps: gradients travel as one tensor, once the last of them is there (see
:mod:`calobatch.train.gradients`).
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from calobatch.config.models import Training
from calobatch.plan.allreduce import Network
from calobatch.plan.fit import fit_relative
from calobatch.plan.measurements import TrainingSpeed

BYTES_OF_A_GRADIENT, BYTES_OF_A_COMPRESSED_GRADIENT = 4, 2


def gradient_bytes(parameters: int, settings: Training) -> int:
    """Return the size of a message that has all gradients of a model."""
    compressed = settings.compress_gradients
    return parameters * (BYTES_OF_A_COMPRESSED_GRADIENT if compressed else BYTES_OF_A_GRADIENT)


class Compute(NamedTuple):
    """What a rank computes, in seconds a step, whatever its batch, and seconds an event."""

    per_step: float
    per_event: float

    def seconds(self, local_batch: float) -> float:
        """Return the time for a rank's share of a batch."""
        return self.per_step + self.per_event * local_batch

    def times(self, factor: float) -> "Compute":
        """Return what takes ``factor`` times as long."""
        return Compute(self.per_step * factor, self.per_event * factor)


class Step(NamedTuple):
    """A step of a task on a network."""

    compute: Compute
    network: Network
    gradient_bytes: float

    def seconds(self, batch: float, ranks: int) -> float:
        """Return the time of a step on a ``batch`` of all ranks together."""
        return self.compute.seconds(batch / ranks) + self.communication(ranks)

    def communication(self, ranks: int) -> float:
        """Return the part of it in which the ranks average gradients."""
        return self.network.allreduce(self.gradient_bytes, ranks)

    def events_per_second(self, batch: float, ranks: int) -> float:
        """Return the speed of all ranks together."""
        return batch / self.seconds(batch, ranks)

    def efficiency(self, batch: float, ranks: int, batch_of_one: float) -> float:
        """Return the speed as a share of ``ranks`` times that of one with ``batch_of_one``.

        Strong scaling keeps ``batch`` as ``batch_of_one``; weak scaling multiplies it by ``ranks``.
        """
        alone = self.events_per_second(batch_of_one, 1)
        return self.events_per_second(batch, ranks) / (ranks * alone)


def fit_compute(speeds: Sequence[TrainingSpeed]) -> Compute:
    """Return what fits trainings of one task with least relative errors.

    Those with the fewest ranks are taken; with more than one rank their communication counts as
    computing. From a single size of batch a step's own cost cannot be told, and is 0.
    """
    chosen = fewest_ranks(speeds)
    batches = np.array([speed.local_batch for speed in chosen])
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
    """Return whether the sizes of batches differ, by more than a last incomplete batch does."""
    sizes = [speed.local_batch for speed in speeds]
    return max(sizes) > 1.3 * min(sizes)
