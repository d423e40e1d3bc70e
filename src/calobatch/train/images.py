"""Make images from sparse events, which a rank keeps on its GPU or memory-mapped on disk.

The events are kept on the GPU if there is one and they fit into its memory. Both ways give the same
images bit for bit.
"""

from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from calobatch.store import Store
from calobatch.train.augment import Targets, gone
from calobatch.train.densify import densify, densify_moved

# Events may take this fraction of the GPU's free memory; the rest is left to the model.
SHARE_FOR_EVENTS = 0.5


class Images(Protocol):
    """Makes the images of a store."""

    def write(
        self, events: NDArray[np.int64], move_B: NDArray[np.int64] | None, image_BP: Tensor
    ) -> None:
        """Overwrite ``image_BP`` with the images of ``events``, shape (B).

        Image ``k`` is moved by move number ``move_B[k]``; None moves nothing.
        """


def images_for(store: Store, targets: Targets | None, device: torch.device) -> Images:
    """Return the object that makes the images of ``store`` on a device.

    ``targets`` is what :func:`calobatch.train.augment.move_targets` returned.
    """
    if device.type == "cuda":
        free, _ = torch.cuda.mem_get_info(device)
        if _bytes(store) < SHARE_FOR_EVENTS * free:
            return ResidentImages(store, targets, device)
    return MappedImages(store, targets)


def _bytes(store: Store) -> int:
    return store.start.nbytes + store.pixel.nbytes + store.value.nbytes


class MappedImages:
    """Hits stay in the memory-mapped file; the rank's own memory holds only one batch of images."""

    def __init__(self, store: Store, targets: Targets | None) -> None:
        self.hits = (store.start, store.pixel, store.value)
        self.targets = targets
        self.pinned_BP = torch.empty(0)

    def write(
        self, events: NDArray[np.int64], move_B: NDArray[np.int64] | None, image_BP: Tensor
    ) -> None:
        """Overwrite ``image_BP`` with the images of ``events``, each moved by ``move_B``."""
        if image_BP.device.type == "cpu":
            self._write_on_the_cpu(events, move_B, image_BP)
            return
        if self.pinned_BP.numel() < image_BP.numel():
            # The thread that makes batches would otherwise allocate the buffer through GPU 0.
            with torch.cuda.device(image_BP.device):
                self.pinned_BP = torch.empty(image_BP.shape, pin_memory=True)
        pinned_BP = self.pinned_BP[: len(events)]
        self._write_on_the_cpu(events, move_B, pinned_BP)
        # This waits for the copy, because the next batch overwrites the pinned buffer.
        image_BP.copy_(pinned_BP)

    def _write_on_the_cpu(
        self, events: NDArray[np.int64], move_B: NDArray[np.int64] | None, image_BP: Tensor
    ) -> None:
        if self.targets is None or move_B is None:
            densify(events, *self.hits, image_BP.numpy())
        else:
            densify_moved(
                events, *self.hits, image_BP.numpy(), move_B, self.targets, gone(self.targets)
            )


class ResidentImages:
    """All hits are on the device; for each batch only its event indices are copied there."""

    def __init__(self, store: Store, targets: Targets | None, device: torch.device) -> None:
        self.start_on_host = store.start
        self.start = _copy(store.start, device)
        self.pixel = _copy(_signed(store.pixel), device)
        self.value = _copy(store.value, device)
        self.targets = None if targets is None else _copy(_signed(targets), device)
        self.gone = None if targets is None else gone(targets)

    def write(
        self, events: NDArray[np.int64], move_B: NDArray[np.int64] | None, image_BP: Tensor
    ) -> None:
        """Overwrite ``image_BP`` with the images of ``events``, each moved by ``move_B``."""
        device = image_BP.device
        # The number of hits is computed on the host. Without it, repeat_interleave would wait for
        # the device to know the size of its result.
        hits = int((self.start_on_host[events + 1] - self.start_on_host[events]).sum())
        event_B = torch.from_numpy(events).to(device)
        first_B = self.start[event_B]
        count_B = self.start[event_B + 1] - first_B
        row = torch.repeat_interleave(
            torch.arange(len(events), device=device), count_B, output_size=hits
        )
        # For every hit of the batch: `row` is the image that it belongs to, `hit` its index in the
        # store.
        before_B = count_B.cumsum(0) - count_B
        hit = torch.arange(hits, device=device) + (first_B - before_B)[row]
        pixel, value = _unsigned(self.pixel[hit]), self.value[hit]
        if self.targets is not None and move_B is not None:
            pixel = _unsigned(self.targets[torch.from_numpy(move_B).to(device)[row], pixel])
            stays = pixel != self.gone
            row, pixel, value = row[stays], pixel[stays], value[stays]
        image_BP.zero_()
        image_BP.view(-1)[row * image_BP.shape[1] + pixel] = value


def _copy(array: NDArray[np.generic], device: torch.device) -> Tensor:
    return torch.from_numpy(array.copy()).to(device)


def _signed(numbers: NDArray[np.unsignedinteger]) -> NDArray[np.signedinteger]:
    """Return the bits as signed numbers, because torch has few operations for unsigned ones."""
    return numbers.view(f"i{numbers.itemsize}")


def _unsigned(bits: Tensor) -> Tensor:
    """Undo ``_signed``, and return numbers that torch takes as indices."""
    ones: int = 2 ** (8 * bits.element_size()) - 1
    return bits.to(torch.int64) & ones
