"""A small network that takes whatever a layout has."""

import torch
from torch import Tensor, nn

from calobatch.layouts import Layout


class Model(nn.Module):
    """Batch normalisation and one layer over the image and the scalars."""

    def __init__(self, layout: Layout) -> None:
        super().__init__()
        self.inputs = ("image", "scalars") if layout.scalars else ("image",)
        self.norm = nn.BatchNorm2d(len(layout.channels))
        self.join = nn.Linear(layout.pixels + len(layout.scalars), len(layout.classes))

    def forward(self, image_BCHW: Tensor, *scalars_BS: Tensor) -> Tensor:
        """Return logits (B, K)."""
        logits_BK: Tensor = self.join(
            torch.cat([self.norm(image_BCHW).flatten(1), *scalars_BS], dim=1)
        )
        return logits_BK
