"""A moving average of the weights over the steps of a training."""

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel

Tensors = tuple[Tensor, ...] | list[Tensor]


def averaged(model: nn.Module, decay: float) -> AveragedModel | None:
    """Return a model whose weights are the average of those of ``model``; None if ``decay`` is 0.

    Each call of its ``update_parameters`` keeps the share ``decay`` of the average and adds the
    current weights (Polyak and Juditsky, SIAM J. Control Optim. 30, 1992, with the exponential form
    of arXiv:1412.6980, section 7.2). The first steps keep less, so that the initial weights are
    soon forgotten.
    """
    if not decay:
        return None

    def add(kept: Tensors, current: Tensors, _: Tensor | int) -> None:
        # The model's own count is on the host, so that no step waits for a GPU.
        steps = int(result.n_averaged)
        torch._foreach_lerp_(kept, current, 1 - min(decay, (1 + steps) / (10 + steps)))

    result = AveragedModel(model, multi_avg_fn=add)
    return result
