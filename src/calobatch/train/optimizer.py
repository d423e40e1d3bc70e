"""The optimizers, without an import of torch's compiler."""

import inspect
from collections.abc import Callable, Iterable

import torch
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
    # fused=True updates all parameters in one kernel.
    return OPTIMIZERS[settings.optimizer](
        parameters, weight_decay=settings.weight_decay, fused=True
    )
