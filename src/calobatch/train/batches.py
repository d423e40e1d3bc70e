"""Make batches: read whole batches from the store into buffers on the training device."""

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from functools import cached_property, partial
from itertools import cycle
from typing import NamedTuple, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from calobatch.config.training import Augmentation
from calobatch.models.inputs import ModelInputs
from calobatch.scalars import standardised
from calobatch.store import Store
from calobatch.train.augment import move_targets
from calobatch.train.images import images_for

Item = TypeVar("Item")
Made = TypeVar("Made")


class Batch(NamedTuple):
    """The model's inputs, and the labels and weights of some events, on the training device."""

    inputs: tuple[Tensor, ...]
    label_B: Tensor  # int64
    weight_B: Tensor | None  # float32; None if all events count the same

    def loss(self, logits_BK: Tensor, smoothing: float = 0.0) -> Tensor:
        """Return the sum of the cross-entropies of all events, each times its weight.

        ``smoothing`` is the share of each label that all classes get in equal parts. The sum is
        computed in float32, because bfloat16 has only 3 digits.
        """
        cross_entropy = partial(
            functional.cross_entropy, logits_BK.float(), self.label_B, label_smoothing=smoothing
        )
        if self.weight_B is None:
            return cross_entropy(reduction="sum")
        return (cross_entropy(reduction="none") * self.weight_B).sum()


class BatchMaker:
    """Makes batches that have the ``inputs`` of a model.

    Images are written alternately into two buffers, so that one batch can be made while the model
    uses the other. A batch is therefore valid until the second batch after it is made.
    """

    def __init__(
        self,
        store: Store,
        inputs: ModelInputs,
        device: torch.device,
        augmentation: Augmentation = Augmentation(),  # noqa: B008
        layout_in_memory: torch.memory_format = torch.contiguous_format,
    ) -> None:
        self.layout_in_memory = layout_in_memory
        self.store, self.inputs, self.device = store, inputs, device
        self.targets = move_targets(store.layout, augmentation)
        if "image" in inputs.names:
            self.images = images_for(store, self.targets, device)
        self.buffers_BP = [torch.empty(0, store.layout.pixels, device=device)] * 2
        self.turn = cycle((0, 1))
        self.scalars_BS = torch.from_numpy(
            standardised(store.scalars_BS, store.manifest.scalars)
        ).to(device)
        self.label_B = torch.from_numpy(store.label.astype(np.int64)).to(device)
        self.weight_B = None
        if store.weight is not None:
            self.weight_B = torch.from_numpy(store.weight.astype(np.float32)).to(device)

    @cached_property
    def hit_number(self) -> NDArray[np.int64] | None:
        """The number of hits of each event of the store; None if the model takes no hits."""
        if "hits" not in self.inputs.names:
            return None
        return self.inputs.hits.number(self.store.start, self.store.pixel, self.store.value)

    def batch(self, events: NDArray[np.int64], moves: NDArray[np.int64] | None = None) -> Batch:
        """Return the batch of ``events``, indices into the store of shape (B).

        ``moves`` has the move of every event of the store; None leaves the images as they are.
        """
        event_B = torch.from_numpy(events).to(self.device)
        move_B = None if moves is None else moves[events]
        make = {
            "image": lambda: self._image(events, move_B),
            "hits": lambda: self._hits(events, move_B),
            "scalars": lambda: self.scalars_BS[event_B],
        }
        inputs = tuple(make[name]() for name in self.inputs.names)
        weight_B = None if self.weight_B is None else self.weight_B[event_B]
        return Batch(inputs, self.label_B[event_B], weight_B)

    def _image(self, events: NDArray[np.int64], move_B: NDArray[np.int64] | None) -> Tensor:
        turn = next(self.turn)
        # Batches differ in size by an event or so; a buffer grows to the largest one and stays.
        if len(self.buffers_BP[turn]) < len(events):
            shape = (len(events), self.store.layout.pixels)
            self.buffers_BP[turn] = torch.empty(shape, device=self.device)
        image_BP = self.buffers_BP[turn][: len(events)]
        self.images.write(events, move_B, image_BP)
        image_BCHW = image_BP.view(len(events), *self.store.layout.shape)
        return image_BCHW.contiguous(memory_format=self.layout_in_memory)

    def _hits(self, events: NDArray[np.int64], move_B: NDArray[np.int64] | None) -> Tensor:
        assert self.hit_number is not None
        longest = max(int(self.hit_number[events].max(initial=0)), 1)
        hit_BLF = self.inputs.hits.hits(
            events,
            self.store.start,
            self.store.pixel,
            self.store.value,
            longest,
            self.targets,
            move_B,
        )
        return torch.from_numpy(hit_BLF).to(self.device)


def one_ahead(make: Callable[[Item], Made], items: Iterable[Item]) -> Iterator[Made]:
    """Yield ``make(item)`` for each item.

    While the caller uses one result, a thread makes the next.
    """
    with ThreadPoolExecutor(1, "batches") as thread:
        waiting: Future[Made] | None = None
        for item in items:
            if waiting is None:
                waiting = thread.submit(make, item)
                continue
            made = waiting.result()
            waiting = thread.submit(make, item)
            yield made
        if waiting is not None:
            yield waiting.result()
