"""The graph that is exported: from the values of a raw file to the probability of each class."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from calobatch.run.training import Preparation

OUTPUT = "probabilities"


class RawEvents(nn.Module):
    """A trained model behind the preparation of its events.

    ``forward`` takes what the model takes, in the order of ``names``, but in the units of the raw
    files: images (B, C, H, W), hits (B, L, 2 + C) and scalars (B, S). It returns probabilities
    (B, K).
    """

    mean: Tensor
    divisor: Tensor

    def __init__(self, model: nn.Module, names: Sequence[str], preparation: Preparation) -> None:
        super().__init__()
        self.model, self.names = model, tuple(names)
        self.zero_below = preparation.zero_below
        scalars = preparation.scalars
        self.register_buffer("mean", torch.tensor([scalar.mean for scalar in scalars]))
        self.register_buffer("divisor", torch.tensor([scalar.divisor for scalar in scalars]))

    def forward(self, *inputs: Tensor) -> Tensor:
        """Return the probability of each class (B, K)."""
        given = dict(zip(self.names, inputs, strict=True))
        if self.zero_below > 0 and "image" in given:
            image = given["image"]
            given["image"] = torch.where(image.abs() < self.zero_below, 0.0, image)
        if "scalars" in given:
            given["scalars"] = (given["scalars"] - self.mean) / self.divisor
        logits_BK: Tensor = self.model(*(given[name] for name in self.names))
        return torch.softmax(logits_BK.float(), dim=1)
