"""A model that uses random numbers and buffers, both of which a checkpoint must restore."""

import os
import time
from typing import ClassVar

from torch import Tensor, nn

from calobatch.layouts import Layout


class Model(nn.Module):
    """Batch normalisation and dropout, slow enough for a signal to arrive during an epoch.

    A run that is only compared with others sets SLOW_DROPOUT_SECONDS to 0.
    """

    inputs: ClassVar = ("image",)

    def __init__(self, layout: Layout) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.BatchNorm2d(len(layout.channels)),
            nn.Flatten(),
            nn.Dropout(0.5),
            nn.Linear(layout.pixels, 2),
        )

    def forward(self, image_BCHW: Tensor) -> Tensor:
        """Return logits (B, 2)."""
        if self.training:
            time.sleep(float(os.environ.get("SLOW_DROPOUT_SECONDS", "0.1")))
        logits_B2: Tensor = self.layers(image_BCHW)
        return logits_B2
