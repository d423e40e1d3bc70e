"""Start trainings of this project the way a user does, and bare loops to compare them with."""

import json
import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from itertools import chain
from pathlib import Path

from benchmarks.inputs import Inputs
from benchmarks.paths import CALOBATCH, PYTHON
from benchmarks.workload import Workload
from calobatch.checkout import CHECKOUT
from calobatch.config.layout_file import read_layout
from calobatch.config.load import load_scenario
from calobatch.config.training import Training
from calobatch.run.files import HISTORY_FILE
from calobatch.run.history import Epoch, read_history

TASKS = load_scenario("cms", folder=CHECKOUT / "config").tasks


def settings(
    task: str, workload: Workload, ranks: int = 1, communicator: str = "horovod"
) -> Training:
    """Return the settings of a task on CPUs, with the same batch per rank for any ``ranks``."""
    return (
        TASKS[task]
        .training()
        .model_copy(
            update={
                "batch_size": workload.tasks[task].batch_per_rank,
                "grow_batch_with_ranks": True,
                "epochs": 1 + workload.epochs,
                "ranks": ranks,
                "communicator": communicator,
                "device": "cpu",
            }
        )
    )


def store_of(task: str, workload: Workload, inputs: Inputs) -> Path:
    """Return the folder of a store for a task."""
    return inputs.store(read_layout(TASKS[task].dataset), workload.tasks[task].events)


def train(task: str, training: Training, store: Path, inputs: Inputs) -> list[Epoch]:
    """Train a task; return its history without the first epoch, which is a warm-up."""
    output = inputs.folder / "run"
    shutil.rmtree(output, ignore_errors=True)
    command = [CALOBATCH, "train", task, "--run", "seed1", "--store", store, "--output", output]
    launched(training.ranks, [*command, "--settings", training.model_dump_json()])
    return read_history(output / HISTORY_FILE)[1:]


def speeds(history: list[Epoch]) -> list[float]:
    """Return the events/s of the training loop in each epoch."""
    return [epoch.events_per_second for epoch in history]


def joined(runs: Mapping[str, Sequence[Sequence[float]]]) -> dict[str, list[float]]:
    """Return, for each name, the values of all its runs in one list."""
    return {name: [*chain(*of_name)] for name, of_name in runs.items()}


def fixed_batch(
    training: Training, store: Path, processes: int, *, compiled: bool = False
) -> list[float]:
    """Return the events/s of a bare loop, summed over ``processes`` that run it simultaneously.

    There is one value per window of time. The loop has one window per epoch of ``training``; the
    first one is left out.
    """
    script: list[object] = [PYTHON, "-m", "benchmarks.fixed_batch", store]
    script += [training.model_dump_json()]
    script += ["compiled"] if compiled else []
    lines = [json.loads(line) for line in launched(processes, script).splitlines()]
    windows = zip(*lines, strict=True)
    return [sum(of_processes) for of_processes in windows][1:]


def launched(processes: int, command: Sequence[object]) -> str:
    """Run a command on ``processes`` ranks of one thread each; return what they print.

    Raises RuntimeError if the command fails.
    """
    launcher = [str(CALOBATCH), "launch", "-n", str(processes), *map(str, command)]
    # The launcher also sets one thread; it is set here as well in case the launcher changes.
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(launcher, cwd=CHECKOUT, env=environment, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"{' '.join(launcher)[:300]} failed:\n{done.stderr[-2000:]}")
    return done.stdout
