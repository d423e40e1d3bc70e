"""A bare training loop on one batch in memory: no loader, no communication, no log.

`python -m benchmarks.fixed_batch STORE SETTINGS [compiled]` prints the events/s of each window of
time. SETTINGS are those of a training, as JSON.
"""

import json
import sys
import time
from pathlib import Path

import torch
from torch.nn import functional

from calobatch.config.training import Training
from calobatch.models.build import build_model
from calobatch.models.inputs import ModelInputs
from calobatch.store import open_store
from calobatch.train.allocator import keep_freed_memory
from calobatch.train.batches import BatchMaker
from calobatch.train.optimizer import OPTIMIZERS

SECONDS_PER_WINDOW = 1.5


def main(store_folder: str, settings: str, how: str = "") -> None:
    """Run the loop for one window per epoch of the settings, and print their events/s."""
    training = Training.model_validate_json(settings)
    keep_freed_memory()
    store = open_store(Path(store_folder))
    torch.manual_seed(1)
    model = build_model(training.model, store.layout, training.model_options)
    # A learning rate of 0 is the same amount of work. With any other rate the model would learn
    # this one batch by heart, which leaves denormal gradients, and processors are slow on those.
    optimizer = OPTIMIZERS[training.optimizer](
        model.parameters(), lr=0.0, weight_decay=training.weight_decay, fused=True
    )
    forward = torch.compile(model) if how == "compiled" else model
    maker = BatchMaker(store, ModelInputs.of_model(model, store.layout), torch.device("cpu"))
    inputs, label_B, _ = maker.batch(store.events_of("train")[: training.batch_size])

    def step() -> None:
        optimizer.zero_grad()
        functional.cross_entropy(forward(*inputs), label_B).backward()  # type: ignore[no-untyped-call]
        optimizer.step()

    rates = []
    for _ in range(training.epochs):
        begun, steps = time.perf_counter(), 0
        while time.perf_counter() - begun < SECONDS_PER_WINDOW:
            step()
            steps += 1
        rates.append(steps * training.batch_size / (time.perf_counter() - begun))
    print(json.dumps(rates), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
