"""Compare a whole epoch of the reference CNN, validation included, with the notebook's loop."""

import time
from collections.abc import Iterator
from itertools import pairwise

import torch
from sklearn.metrics import roc_auc_score
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

from benchmarks.comparison import Goal, Row, compare, take_turns
from benchmarks.inputs import Inputs
from benchmarks.runs import joined, settings, store_of, train
from benchmarks.workload import CORES, Workload
from calobatch.store import Store, open_store

TASK = "electron_photon_cnn"

ImageLoader = DataLoader[tuple[Tensor, ...]]


def rows(workload: Workload, inputs: Inputs) -> Iterator[Row]:
    """Yield one row."""
    folder = store_of(TASK, workload, inputs)
    store = open_store(folder)
    # All ranks share one batch of 256 events, as in the notebook and in the task's settings.
    training = settings(TASK, workload, CORES).model_copy(
        update={"grow_batch_with_ranks": False, "epochs": 2 + workload.epochs}
    )
    events = len(store.events_of("train"))

    def ours() -> list[float]:
        # From the end of one epoch to that of the next, so validation and checkpoint count.
        ends = [epoch.time for epoch in train(TASK, training, folder, inputs)]
        return [events / (end - begun) for begun, end in pairwise(ends)]

    works = {
        "calobatch": ours,
        "the notebook's loop": lambda: notebook_epochs(store, workload.epochs),
    }
    took = joined(take_turns(f"epoch of {TASK}", works, workload.rounds, warm_up=0))
    what = f"whole epoch, {TASK}, {CORES} ranks of one thread"
    against = f"the notebook's loop, {CORES} threads"
    yield compare(what, against, took["calobatch"], took["the notebook's loop"], Goal(2.0))


def notebook_model() -> nn.Module:
    """Return the CNN of the notebook, with ReLU before the pooling and softmax at the end."""
    convolution = [nn.Conv2d(2, 16, 2, padding="same"), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten()]
    return nn.Sequential(
        *convolution, nn.Linear(16 * 16 * 16, 64), nn.ReLU(), nn.Linear(64, 2), nn.Softmax(dim=1)
    )


def notebook_epochs(store: Store, epochs: int) -> list[float]:
    """Return the events/s of each whole epoch after the first, on the same images in memory.

    Like the notebook, this uses a DataLoader over a TensorDataset, a softmax before the loss, and
    the AUC of hard labels. Unlike the notebook, it has no worker processes: they make it slower
    with the images in memory.
    """
    torch.set_num_threads(CORES)
    training = settings(TASK, Workload())
    model = notebook_model()
    optimizer = torch.optim.Adam(model.parameters(), lr=training.learning_rate)
    loaders = {
        split: _loader(store, split, training.batch_size) for split in ("train", "validation")
    }
    events = len(store.events_of("train"))
    rates = []
    for _ in range(1 + epochs):
        begun = time.perf_counter()
        _pass(model, loaders["train"], optimizer)
        with torch.no_grad():
            _pass(model, loaders["validation"], None)
        rates.append(events / (time.perf_counter() - begun))
    return rates[1:]


def _loader(store: Store, split: str, batch: int) -> ImageLoader:
    events = store.events_of(split)
    label = torch.from_numpy(store.label[events]).long()
    return DataLoader(TensorDataset(torch.from_numpy(store.dense(events)), label), batch, True)


def _pass(
    model: nn.Module, loader: ImageLoader, optimizer: torch.optim.Optimizer | None
) -> tuple[float, float]:
    """Read a split once, and train on it if there is an optimizer; return mean loss and AUC."""
    truth, guessed, loss_sum = [], [], 0.0
    for image_BCHW, label_B in loader:
        probability_B2 = model(image_BCHW)
        loss = nn.functional.cross_entropy(probability_B2, label_B)
        if optimizer:
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
        loss_sum += loss.item()
        truth.extend(label_B.numpy())
        guessed.extend(probability_B2.argmax(1).numpy())
    return loss_sum / len(loader), float(roc_auc_score(truth, guessed))
