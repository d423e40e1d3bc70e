"""What is summed over the steps of an epoch, on the device, so that no step waits for the host."""

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from calobatch.communicator.interface import Communicator

LOSS, NORM, SKIPPED_STEPS, SKIPPED_EVENTS = range(4)


class EpochMeans(NamedTuple):
    """The mean loss per event and the mean norm of the gradients over the steps of an epoch.

    Both are NaN if all steps were skipped. A training without gradients has no norm of them.
    """

    loss: float
    gradient_norm: float | None = None
    skipped_steps: int = 0


class EpochSums:
    """Sums over the steps of an epoch that a rank has made.

    ``values`` has the sum of the losses of this rank's events, and that of the norms of the
    gradients, which are the same on all ranks. With ``skip``, a step whose gradients are infinite
    or NaN does not count in them: its number of steps (1) and of events are added up instead. In
    double precision, because in single precision a sum over a million events loses digits.
    """

    def __init__(self, device: torch.device, *, skip: bool) -> None:
        self.values = torch.zeros(4, dtype=torch.float64, device=device)
        self.skip = skip

    def add(self, loss: Tensor, norm: Tensor, events: int) -> None:
        """Add a step: the sum of the losses of ``events`` events, and the norm of the gradients."""
        if self.skip:
            is_finite = torch.isfinite(norm)
            self.values[SKIPPED_STEPS] += ~is_finite
            self.values[SKIPPED_EVENTS] += ~is_finite * events
            loss, norm = torch.where(is_finite, loss, 0), torch.where(is_finite, norm, 0)
        self.values[LOSS] += loss
        self.values[NORM] += norm

    def means(self, communicator: Communicator, steps: int, events: int) -> EpochMeans:
        """Return the means over all ranks, which together have made ``steps`` of ``events``.

        All ranks call this.
        """
        sums = communicator.allreduce(self.values.cpu().numpy())
        # All ranks have seen the same gradients.
        norm, skipped = sums[NORM] / communicator.size, sums[SKIPPED_STEPS] / communicator.size
        if skipped == steps:
            return EpochMeans(np.nan, np.nan, steps)
        # Weights of events change nothing here, because their mean over the training split is 1.
        loss = sums[LOSS] / (events - sums[SKIPPED_EVENTS])
        return EpochMeans(float(loss), float(norm / (steps - skipped)), int(skipped))

    def state(self) -> Tensor:
        """Return the sums for a checkpoint."""
        return self.values.cpu()

    def restore(self, state: Tensor) -> None:
        """Put back what :meth:`state` returned.

        Up to version 0.2.0, checkpoints had only the sum of the losses, as a tensor of one number.
        """
        self.values[: state.numel()] = state
