"""The checkpoint: all that a killed training needs to go on as if nothing had happened.

It lives beside the run's outputs, which Snakemake deletes before it starts a job again. It holds
tensors and plain values only, and is read without unpickling code.
"""

import hashlib
import pickle
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from calobatch.atomic import atomic_path
from calobatch.train.history import Epoch


@dataclass
class Checkpoint:
    """The state after the last whole epoch. What follows from the history is not repeated."""

    identity: str
    started: float
    history: list[Epoch]
    model: dict[str, Tensor]
    best_model: dict[str, Tensor]
    optimizer: dict[str, Any]


def identity_of(*parts: str) -> str:
    """Return a hash of all that a training depends on; another identity is another training."""
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def save_checkpoint(checkpoint: Checkpoint, path: Path) -> None:
    """Write ``checkpoint``, whole or not at all; the one before stays until then."""
    content = {name: getattr(checkpoint, name) for name in Checkpoint.__dataclass_fields__}
    content["history"] = [epoch.model_dump() for epoch in checkpoint.history]
    with atomic_path(path) as partial:
        torch.save(content, partial)


def load_checkpoint(path: Path, identity: str) -> Checkpoint | None:
    """Return the checkpoint at ``path`` if there is one and it is of this very training.

    Its tensors are on the CPU. A file that cannot be read counts as none.
    """
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except (OSError, EOFError, RuntimeError, pickle.UnpicklingError):
        return None
    if content["identity"] != identity:
        return None
    content["history"] = [Epoch.model_validate(epoch) for epoch in content["history"]]
    return Checkpoint(**content)
