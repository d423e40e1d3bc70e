"""Build a model from its name; save and load its weights without pickle."""

import importlib
import inspect
from pathlib import Path
from typing import Any, cast

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save
from torch import Tensor, nn

from calobatch.atomic import atomic_path
from calobatch.config.model_file import model_module, model_source
from calobatch.errors import SettingsError, UserError
from calobatch.layouts import Layout
from calobatch.models.blame import blaming_model, line_in_file

# What a model's forward may take.
INPUTS = ("image", "hits", "scalars")
# Hits of an event of zeros, with which a model is tried or drawn. Their real number is free.
EXAMPLE_HITS = 8


def model_class(name: str) -> type[nn.Module]:
    """Import the file of the model ``name``, and return its class Model.

    Raises UserError if the file cannot be imported.
    """
    with blaming_model(name, "its import"):
        return cast(type[nn.Module], importlib.import_module(model_module(name)).Model)


def build_model(name: str, layout: Layout, options: dict[str, Any]) -> nn.Module:
    """Return the model ``name`` for images of ``layout``, with new weights.

    Raises SettingsError if the model does not accept the ``options``, or cannot be built with them.
    """
    model = model_class(name)
    known = [p for p in inspect.signature(model).parameters if p != "layout"]
    try:
        inspect.signature(model).bind(layout, **options)
    except TypeError as error:
        raise SettingsError(
            f"model_options of {name}: {error}; its options are {', '.join(known) or 'none'}"
        ) from None
    try:
        return model(layout, **options)
    except UserError as error:
        raise SettingsError(str(error)) from None
    # Models check few of their options. The kind of error that a wrong type or size causes depends
    # on the line of the model, or of torch, that uses the option first.
    except Exception as error:
        line = line_in_file(error, str(model_source(name)))
        given = ", ".join(f"{option}={value!r}" for option, value in options.items())
        raise SettingsError(
            f"model_options of {name}: the model cannot be built with {given or 'its defaults'}: "
            f"{error}{f' ({line})' if line else ''}; change {', '.join(known) or 'the model'}"
        ) from error


def input_names(model: nn.Module) -> tuple[str, ...]:
    """Return the names of the arguments of the model's forward, in order, out of ``INPUTS``.

    Raises UserError if the model does not say which it takes.
    """
    names = getattr(model, "inputs", None)
    if not isinstance(names, tuple | list) or not names or not set(names) <= set(INPUTS):
        raise UserError(
            f"class Model of {type(model).__module__} must say what its forward takes; write "
            'inputs: ClassVar = ("image",) in it, or ("hits",), or either with "scalars"'
        )
    return tuple(names)


def towers_of(model: nn.Module) -> dict[str, int]:
    """Return the sizes of towers that a model of hits names (:mod:`calobatch.hits`)."""
    return dict(getattr(model, "towers", {})) if "hits" in input_names(model) else {}


def parameter_count(model: nn.Module) -> int:
    """Return the number of trainable parameters of ``model``."""
    return sum(p.numel() for p in model.parameters() if p.requires_grad)


def save_weights(state: dict[str, Tensor], path: Path) -> None:
    """Write the state of a model as safetensors, either the whole file or nothing."""
    with atomic_path(path) as partial:
        # Not save_file, whose error on a full disk is no OSError, and whose files nobody else may
        # read, even if all other files of a run are open to a group.
        partial.write_bytes(save({name: tensor.contiguous() for name, tensor in state.items()}))


def load_weights(model: nn.Module, path: Path) -> None:
    """Read weights written by :func:`save_weights` into ``model``.

    Raises UserError if the file is missing or damaged, or has the weights of a different model.
    """
    device = next(model.parameters()).device
    try:
        model.load_state_dict(load_file(path, device=str(device)))
    except (OSError, RuntimeError, SafetensorError) as error:
        reason = " ".join(str(error).split())  # torch lists one layer per line
        raise UserError(
            f"cannot load the weights of the model from {path}: {reason}; train again"
        ) from None


def example_inputs(model: nn.Module, layout: Layout, batch: int = 1) -> tuple[Tensor, ...]:
    """Return the arguments of the model's forward for ``batch`` events, filled with zeros."""
    shapes = {
        "image": layout.shape,
        "hits": (EXAMPLE_HITS, 2 + len(layout.channels)),
        "scalars": (len(layout.scalars),),
    }
    return tuple(torch.zeros(batch, *shapes[name]) for name in input_names(model))
