"""A model that uses random numbers and buffers, both of which a checkpoint must restore."""

import time
from typing import ClassVar

from torch import Tensor, nn

from calobatch.layouts import Layout


class Model(nn.Module):
    """Batch normalisation and dropout, slow enough for a signal to arrive during an epoch.

    Every step sleeps for ``seconds``, on which no number depends.
    """

    inputs: ClassVar = ("image",)

    def __init__(self, layout: Layout, seconds: float = 0.1) -> None:
        super().__init__()
        self.seconds = seconds
        self.layers = nn.Sequential(
            nn.BatchNorm2d(len(layout.channels)),
            nn.Flatten(),
            nn.Dropout(0.5),
            nn.Linear(layout.pixels, 2),
        )

    def forward(self, image_BCHW: Tensor) -> Tensor:
        """Return logits (B, 2)."""
        if self.training:
            time.sleep(self.seconds)
        logits_B2: Tensor = self.layers(image_BCHW)
        return logits_B2
