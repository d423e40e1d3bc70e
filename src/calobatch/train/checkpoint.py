"""The checkpoint: all that a killed training needs to go on as if nothing had happened.

It lives beside the run's outputs, which Snakemake deletes before it starts a job again. It holds
tensors and plain values only, and is read without unpickling code.
"""

import hashlib
import pickle
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from calobatch.atomic import atomic_path
from calobatch.train.history import Epoch


@dataclass
class Checkpoint:
    """The state between two steps. What follows from the history is not repeated.

    ``step`` counts the steps of the epoch after the history's last, ``seconds`` the time they
    took; ``ranks`` has what differs between ranks in mid-epoch, and is empty between epochs.
    """

    identity: str
    started: float
    history: list[Epoch]
    model: dict[str, Tensor]
    best_model: dict[str, Tensor]
    optimizer: dict[str, Any]
    step: int = 0
    seconds: float = 0.0
    ranks: list[dict[str, Any]] = field(default_factory=list)


def rank_state(model: nn.Module, loss_sum: Tensor, device: torch.device) -> dict[str, Any]:
    """Return what one rank alone has in mid-epoch: its losses, buffers and random generators."""
    state: dict[str, Any] = {
        "loss_sum": loss_sum.cpu(),
        "buffers": {name: buffer.cpu() for name, buffer in model.named_buffers()},
        "generator": torch.get_rng_state(),
    }
    if device.type == "cuda":
        state["cuda_generator"] = torch.cuda.get_rng_state(device)
    return state


def restore_rank(
    state: dict[str, Any], model: nn.Module, loss_sum: Tensor, device: torch.device
) -> None:
    """Put back what :func:`rank_state` took."""
    loss_sum.copy_(state["loss_sum"])
    for name, buffer in model.named_buffers():
        buffer.copy_(state["buffers"][name])
    torch.set_rng_state(state["generator"])
    if device.type == "cuda":
        torch.cuda.set_rng_state(state["cuda_generator"], device)


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
