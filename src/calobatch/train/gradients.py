"""The gradients of a model in one tensor: one sum over ranks per step, and no copies.

One tensor also fixes the order of the sum. If each parameter had its own tensor, Horovod would join
the tensors that happen to be ready at the same time. With three or more ranks, the order in which
it adds the ranks' values, and so the last bits of the sum, would then change from run to run.
"""

import numpy as np
import torch
from torch import Tensor, nn

from calobatch.communicator.interface import Communicator


class Gradients:
    """The gradients of all trainable parameters; backward passes add to them in place."""

    def __init__(self, model: nn.Module) -> None:
        parameters = [p for p in model.parameters() if p.requires_grad]
        sizes = [parameter.numel() for parameter in parameters]
        self.flat = torch.zeros(sum(sizes), device=parameters[0].device)
        self.overflows = torch.zeros((), device=parameters[0].device)
        for parameter, piece in zip(parameters, torch.split(self.flat, sizes), strict=True):
            # A view into the flat tensor, so that backward() writes there.
            parameter.grad = piece.view_as(parameter)

    def clear(self) -> None:
        """Set all gradients to zero.

        The optimizer's zero_grad() would by default replace the views by None.
        """
        self.flat.zero_()

    def add_up(self, communicator: Communicator, *, compress: bool) -> None:
        """Replace the gradients by their sum over all ranks.

        With ``compress`` they are sent in half precision: half the bytes, and 11 bits of precision.
        """
        # Even with one rank, Horovod would wait for the end of its cycle.
        if communicator.size == 1:
            return
        if not compress:
            communicator.sum_tensor(self.flat)
            return
        was_finite = _is_finite(self.flat)
        half = self.flat.half()
        communicator.sum_tensor(half)
        self.flat.copy_(half)
        # Counted on the device, which does not have to wait for the host to read it.
        self.overflows += was_finite & ~_is_finite(self.flat)

    def limit(self, longest: float | None) -> Tensor:
        """Return the norm of the gradients, and scale them down to ``longest`` if it is above that.

        Pascanu et al., arXiv:1211.5063, section 3.2. None scales nothing.
        """
        norm: Tensor = torch.linalg.vector_norm(self.flat)
        if longest is not None:
            self.flat *= torch.clamp(longest / norm, max=1)
        return norm

    def overflowed(self, communicator: Communicator) -> bool:
        """Return whether gradients became infinite because half precision ends at 65504.

        All ranks call this. If gradients of a rank were infinite or NaN before they were sent, that
        rank has counted no overflow, and there was none.
        """
        ranks = communicator.allreduce(np.array([float(self.overflows > 0)]))
        return bool(ranks[0] == communicator.size)


def _is_finite(tensor: Tensor) -> Tensor:
    """Return whether all numbers are finite, as a tensor on their device."""
    # Both extremes are NaN if any number is. This takes a twentieth of the time of isfinite().
    lowest, highest = torch.aminmax(tensor)
    return torch.isfinite(lowest) & torch.isfinite(highest)
