"""Compare the speed of a training with each option with its speed with the defaults."""

import os
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from benchmarks.comparison import Row, compare, take_turns
from benchmarks.inputs import Inputs
from benchmarks.runs import fixed_batch, joined, settings, speeds, store_of, train
from benchmarks.workload import CORES, Workload
from calobatch.config.training import Training

DEFAULTS = f"the defaults, {CORES} ranks"
# The changed settings of each row, by task. The ViT has the largest gradients and the largest
# matrix products.
CHANGES: dict[str, dict[str, dict[str, object]]] = {
    "electron_photon_cnn": {
        "channels_last": {"channels_last": True},
        "precision: bfloat16": {"precision": "bfloat16"},
        "compress_gradients": {"compress_gradients": True},
        "passes_per_step: 4": {"passes_per_step": 4},
        f"1 rank, threads: {CORES}": {"ranks": 1, "threads": CORES, "grow_batch_with_ranks": False},
    },
    "electron_photon_vit": {
        "precision: bfloat16": {"precision": "bfloat16"},
        "compress_gradients": {"compress_gradients": True},
    },
}
# Horovod looks for tensors to sum once per cycle, and joins those that are ready. Its threshold for
# joining is not tried: here the gradients are one tensor, so there is nothing to join.
CYCLES_MILLISECONDS = ("2", "5", "10")


def rows(workload: Workload, inputs: Inputs) -> Iterator[Row]:
    """Yield one row per option, each from one training of several epochs; none has a goal."""
    for task in CHANGES:
        yield from _of_task(task, workload, inputs)
    yield from _compiled("electron_photon_cnn", workload, inputs)


def _of_task(task: str, workload: Workload, inputs: Inputs) -> Iterator[Row]:
    store, plain = store_of(task, workload, inputs), settings(task, workload, ranks=CORES)
    works: dict[str, Callable[[], list[float]]] = {
        DEFAULTS: partial(_speeds, task, plain, store, inputs)
    }
    for name, changes in CHANGES[task].items():
        changed = plain.model_copy(update=_with_whole_batch(plain, changes))
        works[name] = partial(_speeds, task, changed, store, inputs)
    if task == next(iter(CHANGES)):
        for cycle in CYCLES_MILLISECONDS:
            works[f"Horovod's cycle of {cycle} ms"] = partial(
                _speeds, task, plain, store, inputs, cycle
            )
    took = joined(take_turns(f"options of {task}", works, repeats=1, warm_up=0))
    for name in [*took][1:]:
        yield compare(f"{name}, {task}", DEFAULTS, took[name], took[DEFAULTS], None)


def _with_whole_batch(plain: Training, changes: dict[str, object]) -> dict[str, object]:
    """Return the changes; if the batch does not grow, add the batch that all ranks had together."""
    if changes.get("grow_batch_with_ranks", True):
        return changes
    return changes | {"batch_size": plain.batch_size * plain.ranks}


def _speeds(
    task: str, training: Training, store: Path, inputs: Inputs, cycle: str = ""
) -> list[float]:
    if not cycle:
        return speeds(train(task, training, store, inputs))
    os.environ["HOROVOD_CYCLE_TIME"] = cycle
    try:
        return speeds(train(task, training, store, inputs))
    finally:
        del os.environ["HOROVOD_CYCLE_TIME"]


def _compiled(task: str, workload: Workload, inputs: Inputs) -> Iterator[Row]:
    """Yield the row of torch.compile, measured on a bare loop.

    calobatch has no such option, because its container images would need a compiler.
    """
    store, one = store_of(task, workload, inputs), settings(task, workload, ranks=1)
    works = {
        "as it is": partial(fixed_batch, one, store, processes=1),
        "compiled": partial(fixed_batch, one, store, processes=1, compiled=True),
    }
    took = joined(take_turns(f"torch.compile of {task}", works, repeats=1, warm_up=0))
    what = f"torch.compile, {task}, a bare loop"
    yield compare(what, "not compiled", took["compiled"], took["as it is"], None)
