"""Two small CNN branches, one for each channel of the crop, joined before the classifier.

Layer for layer the TensorFlow model of github.com/abh1-ja1n/ml4sci, task 1. Its softmax is left
to the loss. Its ReLU stood before the pooling; behind it values and gradients are the same.
"""

from typing import ClassVar

import torch
from torch import Tensor, nn

from calobatch.layouts import Layout
from calobatch.models.keras_weights import start_as_keras


class Model(nn.Module):
    """A branch for each channel: convolution, pooling, dense; then dense layers on all of them."""

    inputs: ClassVar = ("image",)

    def __init__(self, layout: Layout, filters: int = 3, width: int = 32) -> None:
        super().__init__()
        channels, height, columns = layout.shape
        flat = filters * (height // 4) * (columns // 4)
        self.branches = nn.ModuleList(_branch(filters, flat, width) for _ in range(channels))
        self.join = nn.Sequential(
            nn.Linear(channels * width, 8), nn.ReLU(), nn.Linear(8, len(layout.classes))
        )
        start_as_keras(self)

    def forward(self, image_BCHW: Tensor) -> Tensor:
        """Return logits (B, K)."""
        channels_B1HW = image_BCHW.unsqueeze(2).unbind(1)
        joined = [branch(x) for branch, x in zip(self.branches, channels_B1HW, strict=True)]
        logits_BK: Tensor = self.join(torch.cat(joined, dim=1))
        return logits_BK


def _branch(filters: int, flat: int, width: int) -> nn.Sequential:
    return nn.Sequential(
        nn.ZeroPad2d((1, 2, 1, 2)),  # 'same' of an even kernel: one more on the right and below
        nn.Conv2d(1, filters, kernel_size=4),
        nn.MaxPool2d(4),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(flat, width),
        nn.ReLU(),
    )
