"""A model that takes no images."""

from typing import ClassVar

from torch import Tensor, nn

from calobatch.layouts import Layout


class Model(nn.Module):
    """One layer over the scalars."""

    inputs: ClassVar = ("scalars",)

    def __init__(self, layout: Layout) -> None:
        super().__init__()
        self.join = nn.Linear(len(layout.scalars), len(layout.classes))

    def forward(self, scalars_BS: Tensor) -> Tensor:
        """Return logits (B, K)."""
        logits_BK: Tensor = self.join(scalars_BS)
        return logits_BK
