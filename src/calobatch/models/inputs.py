"""What the forward of a model takes, and how it is made from images and scalars."""

from collections.abc import Mapping, Sequence
from typing import Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from calobatch.hits import HitMaker
from calobatch.layouts import Layout
from calobatch.models.build import input_names, towers_of


class ModelInputs:
    """The inputs of a model: their ``names`` in order, and what makes its ``hits``.

    ``towers`` is what the model says about them (:mod:`calobatch.hits`).
    """

    def __init__(
        self, layout: Layout, names: Sequence[str], towers: Mapping[str, int] | None = None
    ) -> None:
        self.names = tuple(names)
        self.hits = HitMaker(layout, towers or {})

    @classmethod
    def of_model(cls, model: nn.Module, layout: Layout) -> Self:
        """Return the inputs that ``model`` names."""
        return cls(layout, input_names(model), towers_of(model))

    @property
    def from_images(self) -> bool:
        """Whether the model sees something of the images."""
        return "image" in self.names or "hits" in self.names

    @property
    def from_scalars(self) -> bool:
        """Whether the model sees the scalars."""
        return "scalars" in self.names

    def of(
        self, image_BCHW: NDArray[np.float32], scalars_BS: NDArray[np.float32]
    ) -> tuple[Tensor, ...]:
        """Return the inputs for events with these images and standardised scalars."""
        given = {"image": image_BCHW, "scalars": scalars_BS}
        if "hits" in self.names:
            given["hits"] = self.hits.of_images(image_BCHW)
        return tuple(torch.from_numpy(given[name]) for name in self.names)
