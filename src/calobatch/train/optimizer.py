"""The optimizers, without an import of torch's compiler."""

import inspect
from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor
from torch.nn import Parameter
from torch.optim import Optimizer

from calobatch.config.training import Training

# The methods around which torch tells its compiler to keep away from them.
METHODS = ("add_param_group", "load_state_dict", "state_dict", "zero_grad")


def _never_compiled(optimizer: type[Optimizer]) -> Callable[..., Optimizer]:
    """Return the optimizer with its methods alone, without what torch puts around them.

    That imports torch's compiler, although nothing here is compiled: 800 modules, which take 2 s,
    and much longer where many ranks read them from one file system at the same time.
    """
    methods = {name: inspect.unwrap(getattr(optimizer, name)) for name in METHODS}
    methods["step"] = torch.no_grad()(inspect.unwrap(optimizer.step))
    return type(optimizer.__name__, (optimizer,), methods)


OPTIMIZERS = {
    "adam": _never_compiled(torch.optim.Adam),
    "adamw": _never_compiled(torch.optim.AdamW),
}


def make_optimizer(settings: Training, parameters: Iterable[Parameter]) -> Optimizer:
    """Return the optimizer that the settings name.

    It gets no learning rate, because the schedule sets that before every step.
    """
    groups: list[dict[str, Any]] = [{"params": list(parameters)}]
    if not settings.decay_biases:
        # Biases, and the scales and offsets of normalisations, have one dimension.
        (group,) = groups
        groups = [
            {"params": [p for p in group["params"] if p.ndim > 1]},
            {"params": [p for p in group["params"] if p.ndim <= 1], "weight_decay": 0.0},
        ]
    # fused=True updates all parameters in one kernel.
    return OPTIMIZERS[settings.optimizer](
        [group for group in groups if group["params"]],
        weight_decay=settings.weight_decay,
        fused=True,
    )


def skip_if_not_finite(optimizer: Optimizer, norm: Tensor) -> None:
    """Make the next step of ``optimizer`` change nothing if the gradients' ``norm`` is not finite.

    The kernel decides, as it does for torch's GradScaler, so that the host does not have to wait
    for the norm.
    """
    optimizer.found_inf = (~torch.isfinite(norm)).float()  # type: ignore[attr-defined]
