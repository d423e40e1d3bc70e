"""Build a model by its name; save and load its weights without pickle."""

import importlib
import inspect
from pathlib import Path
from typing import Any, cast

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from calobatch.atomic import atomic_path
from calobatch.config.model_file import model_module
from calobatch.errors import UserError
from calobatch.layouts import Layout


def build_model(name: str, layout: Layout, options: dict[str, Any]) -> nn.Module:
    """Return the model ``name`` for images of ``layout``; UserError on options it does not take."""
    model = importlib.import_module(model_module(name)).Model
    known = [p for p in inspect.signature(model).parameters if p != "layout"]
    try:
        inspect.signature(model).bind(layout, **options)
    except TypeError as error:
        raise UserError(
            f"model_options of {name}: {error}; it takes {', '.join(known) or 'none'}"
        ) from None
    try:
        return cast(nn.Module, model(layout, **options))
    # What a model makes of an option of a wrong type or size depends on where it meets it.
    except (ArithmeticError, RuntimeError, TypeError, ValueError) as error:
        given = ", ".join(f"{option}={value!r}" for option, value in options.items())
        raise UserError(
            f"model_options of {name}: it cannot be built with {given or 'its defaults'}: {error}; "
            f"change {', '.join(known) or 'the model'}"
        ) from error


def input_names(model: nn.Module) -> tuple[str, ...]:
    """Return what the model's forward takes, in order: "image", "scalars"."""
    return cast(tuple[str, ...], model.inputs)


def parameter_count(model: nn.Module) -> int:
    """Return the number of trained parameters."""
    return sum(p.numel() for p in model.parameters() if p.requires_grad)


def save_weights(state: dict[str, Tensor], path: Path) -> None:
    """Write a model's state as safetensors, whole or not at all."""
    with atomic_path(path) as partial:
        save_file({name: tensor.contiguous() for name, tensor in state.items()}, partial)


def load_weights(model: nn.Module, path: Path) -> None:
    """Read weights written by :func:`save_weights` into ``model``."""
    device = next(model.parameters()).device
    try:
        model.load_state_dict(load_file(path, device=str(device)))
    except (OSError, RuntimeError, SafetensorError) as error:
        raise UserError(f"{path} does not fit the model: {error}; train again") from None


def example_inputs(model: nn.Module, layout: Layout, batch: int = 1) -> tuple[Tensor, ...]:
    """Return zeros in the shapes that the model's forward takes."""
    shapes = {"image": layout.shape, "scalars": (len(layout.scalars),)}
    return tuple(torch.zeros(batch, *shapes[name]) for name in input_names(model))
