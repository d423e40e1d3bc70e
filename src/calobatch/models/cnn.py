"""One small CNN on both channels of the crop together.

Layer for layer the PyTorch model of github.com/abh1-ja1n/ml4sci, task 1. Its softmax before the
cross-entropy is left out: it made the gradients slow. Its ReLU stood before the pooling; behind it
values and gradients are the same, for a quarter of the work.
"""

from typing import ClassVar

from torch import Tensor, nn

from calobatch.layouts import Layout


class Model(nn.Module):
    """Convolution, pooling, two dense layers."""

    inputs: ClassVar = ("image",)

    def __init__(self, layout: Layout, filters: int = 16, width: int = 64) -> None:
        super().__init__()
        channels, height, columns = layout.shape
        self.layers = nn.Sequential(
            nn.ZeroPad2d((0, 1, 0, 1)),  # 'same' of an even kernel: the extra on the right, below
            nn.Conv2d(channels, filters, kernel_size=2),
            nn.MaxPool2d(2),
            nn.ReLU(),
            nn.Flatten(),
            nn.Linear(filters * (height // 2) * (columns // 2), width),
            nn.ReLU(),
            nn.Linear(width, len(layout.classes)),
        )

    def forward(self, image_BCHW: Tensor) -> Tensor:
        """Return logits (B, K)."""
        logits_BK: Tensor = self.layers(image_BCHW)
        return logits_BK
