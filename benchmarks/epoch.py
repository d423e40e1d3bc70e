"""A whole epoch of the reference CNN, training and validation, beside the notebook's own loop."""

import time
from collections.abc import Iterator
from itertools import pairwise

import torch
from sklearn.metrics import roc_auc_score
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from benchmarks.comparison import Goal, Row, compare, take_turns
from benchmarks.inputs import Inputs
from benchmarks.runs import joined, settings, store_of, train
from benchmarks.workload import CORES, Workload
from calobatch.store import Store, open_store

TASK = "electron_photon_cnn"


def rows(workload: Workload, inputs: Inputs) -> Iterator[Row]:
    """Yield one row."""
    folder = store_of(TASK, workload, inputs)
    store = open_store(folder)
    # The batch is the notebook's, 256 over all ranks, as the task has it.
    training = settings(TASK, workload, CORES).model_copy(
        update={"grow_batch_with_ranks": False, "epochs": 2 + workload.epochs}
    )
    events = len(store.events_of("train"))

    def ours() -> list[float]:
        # From the end of one epoch to that of the next: validation and checkpoint are in it.
        ends = [epoch.time for epoch in train(TASK, training, folder, inputs)]
        return [events / (end - begun) for begun, end in pairwise(ends)]

    works = {
        "calobatch": ours,
        "the notebook's loop": lambda: notebook_epochs(store, workload.epochs),
    }
    took = joined(take_turns(f"epoch of {TASK}", works, workload.rounds, warm_up=0))
    what = f"whole epoch, {TASK}, {CORES} ranks of one thread"
    against = f"the notebook's loop, {CORES} threads"
    yield compare(what, against, *took.values(), Goal(2.0))


def notebook_model() -> nn.Module:
    """Return the CNN as the notebook has it: ReLU before the pooling, softmax at the end."""
    convolution = [nn.Conv2d(2, 16, 2, padding="same"), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten()]
    return nn.Sequential(
        *convolution, nn.Linear(16 * 16 * 16, 64), nn.ReLU(), nn.Linear(64, 2), nn.Softmax(dim=1)
    )


def notebook_epochs(store: Store, epochs: int) -> list[float]:
    """Return events/s of whole epochs after the first: the same images, in memory, dense.

    As in the notebook: a DataLoader over a TensorDataset, softmax before the loss, the AUC of hard
    labels. Its four workers are left out: here they would make it slower.
    """
    torch.set_num_threads(CORES)
    training = settings(TASK, Workload())
    model = notebook_model()
    optimizer = torch.optim.Adam(model.parameters(), lr=training.learning_rate)
    loaders = {
        split: _loader(store, split, training.batch_size) for split in ("train", "validation")
    }
    rates = []
    for _ in range(1 + epochs):
        begun = time.perf_counter()
        _pass(model, loaders["train"], optimizer)
        with torch.no_grad():
            _pass(model, loaders["validation"], None)
        rates.append(len(loaders["train"].dataset) / (time.perf_counter() - begun))
    return rates[1:]


def _loader(store: Store, split: str, batch: int) -> DataLoader:
    events = store.events_of(split)
    label = torch.from_numpy(store.label[events]).long()
    return DataLoader(TensorDataset(torch.from_numpy(store.dense(events)), label), batch, True)


def _pass(
    model: nn.Module, loader: DataLoader, optimizer: torch.optim.Optimizer | None
) -> tuple[float, float]:
    """Go through a split once, training if there is an optimizer; return mean loss and AUC."""
    truth, guessed, loss_sum = [], [], 0.0
    for image_BCHW, label_B in loader:
        probability_B2 = model(image_BCHW)
        loss = nn.functional.cross_entropy(probability_B2, label_B)
        if optimizer:
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        loss_sum += loss.item()
        truth.extend(label_B.numpy())
        guessed.extend(probability_B2.argmax(1).numpy())
    return loss_sum / len(loader), float(roc_auc_score(truth, guessed))
