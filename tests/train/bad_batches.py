"""A model whose gradients are not numbers in some steps."""

from typing import ClassVar

from torch import Tensor, nn

from calobatch.layouts import Layout


class Model(nn.Module):
    """A dense layer, whose result is infinite in the training steps with the numbers ``bad``."""

    inputs: ClassVar = ("image",)

    def __init__(self, layout: Layout, bad: tuple[int, ...] = ()) -> None:
        super().__init__()
        self.bad, self.steps = bad, 0
        self.layers = nn.Sequential(nn.Flatten(), nn.Linear(layout.pixels, len(layout.classes)))

    def forward(self, image_BCHW: Tensor) -> Tensor:
        """Return logits (B, K)."""
        logits_BK: Tensor = self.layers(image_BCHW)
        if not self.training:
            return logits_BK
        self.steps += 1
        return logits_BK * (float("inf") if self.steps in self.bad else 1)
