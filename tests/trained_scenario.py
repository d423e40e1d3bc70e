"""A scenario with one small but real training of crops, for two seeds: all files of its runs."""

from pathlib import Path

import h5py
import numpy as np
import pytest

from calobatch.config.dataset import Split
from calobatch.config.scenario import Scenario
from calobatch.evaluate.evaluate import evaluate
from calobatch.export.export import export
from calobatch.interpret.interpret import interpret
from calobatch.pack.pack import pack
from calobatch.train.train import train
from tests.layouts import ELECTRON_PHOTON

TASK = {
    "title": "A task",
    "dataset": "electron_photon",
    "model": "two_branch_cnn",
    "epochs": 3,
    "batch_size": 32,
    "learning_rate": 2e-3,
    "ranks": 1,
    "communicator": "single",
    "reference_auc": {"validation": 0.7},
}


@pytest.fixture(scope="session")
def scenario() -> Scenario:
    return Scenario.model_validate(
        {
            "name": "tests",
            "title": "For the tests",
            "datasets": {"electron_photon": {"source": "simulate", "events": 200}},
            "tasks": {"crops": TASK},
            "seeds": [1, 2],
        }
    )


@pytest.fixture(scope="session")
def runs(scenario, tmp_path_factory) -> list[Path]:
    folder = tmp_path_factory.mktemp("runs")
    rng = np.random.default_rng(0)
    for label in (0, 1):
        with h5py.File(folder / f"{label}.hdf5", "w") as file:
            image = rng.random((100, 32, 32, 2), dtype=np.float32)
            file["X"] = np.where(image < 0.05 * (label + 1), image, 0)
            file["y"] = np.full(100, label, dtype=np.float32)
    store = folder / "store"
    raw = [folder / "0.hdf5", folder / "1.hdf5"]
    pack("electron_photon", ELECTRON_PHOTON, raw, store, split=Split(), zero_below=0.0)
    outputs = [folder / "crops" / f"seed{seed}" for seed in scenario.seeds]
    for seed, output in zip(scenario.seeds, outputs, strict=True):
        train("crops", scenario.tasks["crops"].training(), seed, store, output)
        evaluate(output)
        export(output, store)
        interpret(output, store)
    return outputs
