"""A model that once does not return from a step."""

import os
import time
from pathlib import Path
from typing import ClassVar

from torch import Tensor, nn

from calobatch.layouts import Layout

RANK, STEP = "1", 7


class Model(nn.Module):
    """One linear layer."""

    inputs: ClassVar = ("image",)

    def __init__(self, layout: Layout) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Flatten(), nn.Linear(layout.pixels, 2))
        self.steps = 0

    def forward(self, image_BCHW: Tensor) -> Tensor:
        """Return logits (B, 2)."""
        if self.training:
            self.steps += 1
            self.hang_once()
        logits_B2: Tensor = self.layers(image_BCHW)
        return logits_B2

    def hang_once(self) -> None:
        """Hang in one step of one rank, and remove the file that asks for it."""
        wish = os.environ.get("HANG_IF_THIS_EXISTS")
        if not wish or self.steps != STEP or os.environ.get("CALOBATCH_RANK") != RANK:
            return
        if Path(wish).exists():
            Path(wish).unlink()
            time.sleep(1000)
