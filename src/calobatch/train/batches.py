"""Batches on the training device, assembled whole from the store."""

from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from calobatch.store import Store


class Batch(NamedTuple):
    """Events on the device: what the model takes, and their labels."""

    inputs: tuple[Tensor, ...]
    label_B: Tensor  # int64


class BatchMaker:
    """Makes batches with the inputs that a model names."""

    def __init__(self, store: Store, inputs: tuple[str, ...], device: torch.device) -> None:
        self.store, self.inputs, self.device = store, inputs, device
        self.mean = np.array([scalar.mean for scalar in store.manifest.scalars])
        # A scalar that is the same in all training events says nothing; do not divide by zero.
        std = np.array([scalar.std for scalar in store.manifest.scalars])
        self.std = np.where(std > 0, std, 1.0)

    def batch(self, events: NDArray[np.int64]) -> Batch:
        """Return the batch of ``events``."""
        arrays = {"image": self.store.dense, "scalars": self.standardised_scalars}
        inputs = tuple(self._to_device(arrays[name](events)) for name in self.inputs)
        return Batch(inputs, self._to_device(self.store.label[events].astype(np.int64)))

    def standardised_scalars(self, events: NDArray[np.int64]) -> NDArray[np.float32]:
        """Return (B, S) scalars in units of the training split's standard deviation."""
        scaled = (self.store.scalars_BS[events] - self.mean) / self.std
        return np.asarray(scaled, dtype=np.float32)

    def _to_device(self, array: NDArray[np.generic]) -> Tensor:
        return torch.from_numpy(array).to(self.device, non_blocking=True)
