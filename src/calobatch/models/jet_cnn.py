"""A CNN on the jet image beside one small dense layer for each scalar (pt and m0).

Layer for layer the TensorFlow model of github.com/abh1-ja1n/ml4sci, task 2. It was fed raw pt and
m0 (first loss 6.2); here they are standardised with the training split's mean and deviation. Its
ReLU stood before the pooling; behind it values and gradients are the same.
"""

from typing import ClassVar

import torch
from torch import Tensor, nn

from calobatch.layouts import Layout
from calobatch.models.keras_weights import start_as_keras


class Model(nn.Module):
    """Image branch and a branch for each scalar, joined by one dense layer."""

    inputs: ClassVar = ("image", "scalars")

    def __init__(
        self, layout: Layout, filters: int = 3, image_width: int = 12, scalar_width: int = 4
    ) -> None:
        super().__init__()
        channels, height, columns = layout.shape
        self.image = nn.Sequential(
            nn.Conv2d(channels, filters, kernel_size=5, padding="same"),
            nn.MaxPool2d(5),
            nn.ReLU(),
            nn.Flatten(),
            nn.Linear(filters * (height // 5) * (columns // 5), image_width),
            nn.ReLU(),
        )
        self.scalars = nn.ModuleList(
            nn.Sequential(nn.Linear(1, scalar_width), nn.ReLU()) for _ in layout.scalars
        )
        self.join = nn.Linear(image_width + scalar_width * len(layout.scalars), len(layout.classes))
        start_as_keras(self)

    def forward(self, image_BCHW: Tensor, scalars_BS: Tensor) -> Tensor:
        """Return logits (B, K)."""
        scalars_B1 = scalars_BS.unsqueeze(2).unbind(1)
        beside = [branch(x) for branch, x in zip(self.scalars, scalars_B1, strict=True)]
        logits_BK: Tensor = self.join(torch.cat([self.image(image_BCHW), *beside], dim=1))
        return logits_BK
