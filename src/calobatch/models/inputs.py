"""Turn images and scalars into what the forward of a model takes."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from calobatch.hits import HitMaker
from calobatch.layouts import Layout
from calobatch.models.build import input_names, towers_of


class ModelInputs:
    """Makes the inputs of a model from the images and scalars of events."""

    def __init__(self, model: nn.Module, layout: Layout) -> None:
        self.names = input_names(model)
        self.hits = HitMaker(layout, towers_of(model))

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
