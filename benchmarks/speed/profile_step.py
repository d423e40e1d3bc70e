"""Show where a training step spends its time.

    python -m benchmarks.speed.profile_step STORE TASK [CHECKOUT]

This profiles the code in CHECKOUT, a checkout of another commit, or by default the present code.
"""

import sys
from pathlib import Path

# Set before the first import of calobatch, so that it is imported from the other checkout.
if len(sys.argv) > 3:
    sys.path.insert(0, str(Path(sys.argv[3]) / "src"))

import time

import torch
from torch.nn import functional
from torch.profiler import profile

from calobatch.communicator.device import choose_device
from calobatch.communicator.placement import Placement
from calobatch.config.load import load_scenario
from calobatch.models.build import build_model
from calobatch.models.inputs import ModelInputs
from calobatch.store import open_store
from calobatch.train.batches import BatchMaker
from calobatch.train.optimizer import OPTIMIZERS

STEPS, WARM_UP = 20, 5
SHOWN = 10


def main(store_folder: str, task_name: str) -> None:
    """Print the milliseconds per step, and those of the operations that need the most time."""
    task = load_scenario("cms").tasks[task_name]
    try:  # older checkouts have no such module, and used no fused optimizer
        from calobatch.train.allocator import keep_freed_memory

        keep_freed_memory()
        fused = {"fused": True}
    except ImportError:
        fused = {}
    device = choose_device(Placement(), "cpu")
    store = open_store(Path(store_folder))
    torch.manual_seed(1)
    model = build_model(task.model, store.layout, task.model_options)
    optimizer = OPTIMIZERS[task.optimizer](model.parameters(), lr=task.learning_rate, **fused)
    maker = BatchMaker(store, ModelInputs.of_model(model, store.layout), device)
    training = store.events_of("train")

    def step(number: int) -> None:
        first = number * task.batch_size % (len(training) - task.batch_size)
        batch = maker.batch(training[first : first + task.batch_size])
        optimizer.zero_grad()
        loss = functional.cross_entropy(model(*batch.inputs), batch.label_B)
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()

    for number in range(WARM_UP):
        step(number)
    begun = time.perf_counter()
    for number in range(STEPS):
        step(number)
    alone = (time.perf_counter() - begun) / STEPS
    with profile() as profiled:
        for number in range(STEPS):
            step(number)
    print(f"{task_name}: {1000 * alone:.1f} ms per step of {task.batch_size} events, one thread")
    operations = sorted(profiled.key_averages(), key=lambda o: -o.self_cpu_time_total)
    for operation in operations[:SHOWN]:
        print(f"{operation.self_cpu_time_total / 1000 / STEPS:8.2f} ms  {operation.key}")


if __name__ == "__main__":
    main(*sys.argv[1:3])
