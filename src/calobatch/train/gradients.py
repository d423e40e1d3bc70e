"""The gradients of a model in one tensor: one sum over ranks a step, and nothing to copy.

One tensor also has one order of sums. Left to join what happens to be ready, Horovod adds up in
another order from run to run, with three ranks and more.
"""

import torch
from torch import nn

from calobatch.communicator.interface import Communicator


class Gradients:
    """The gradients of all parameters that learn; backward passes add to them in place."""

    def __init__(self, model: nn.Module) -> None:
        parameters = [p for p in model.parameters() if p.requires_grad]
        sizes = [parameter.numel() for parameter in parameters]
        self.flat = torch.zeros(sum(sizes), device=parameters[0].device)
        for parameter, piece in zip(parameters, torch.split(self.flat, sizes), strict=True):
            parameter.grad = piece.view_as(parameter)

    def clear(self) -> None:
        """Set them to zero."""
        self.flat.zero_()

    def add_up(self, communicator: Communicator, *, compress: bool) -> None:
        """Overwrite them with their sum over ranks; ``compress``: sent in half precision."""
        if communicator.size == 1:  # even alone, Horovod would wait for its cycle
            return
        if not compress:
            communicator.sum_tensor(self.flat)
            return
        half = self.flat.half()
        communicator.sum_tensor(half)
        self.flat.copy_(half)
