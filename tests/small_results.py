"""Small stores and small but real trainings on them: two seeds of crops, one run of jets."""

from pathlib import Path
from typing import NamedTuple

import h5py
import numpy as np
import pytest

from calobatch.config.dataset import Split
from calobatch.config.scenario import Scenario
from calobatch.evaluate.evaluate import evaluate
from calobatch.interpret.interpret import interpret
from calobatch.layouts import Layout
from calobatch.pack.pack import pack
from calobatch.report.report import report
from calobatch.run.folder import read_run
from calobatch.run.leaderboard_of_runs import write_leaderboard
from calobatch.train.train import train
from tests.layouts import LAYOUTS

COMMON = {"epochs": 2, "batch_size": 16, "learning_rate": 1e-3, "ranks": 1}
COMMON |= {"communicator": "single", "reference_source": "a paper <of old> & others"}
CROPS = {"title": "Crops", "dataset": "electron_photon", "model": "two_branch_cnn"}
CROPS |= {"reference_auc": {"train": 0.9876, "validation": 0.6543, "test": 0.6432}}
JETS = {"title": "Jets", "dataset": "quark_gluon", "model": "jet_cnn"}
LATER = CROPS | {"title": "Without a run"}


class Results(NamedTuple):
    """The arguments of a report."""

    scenario: Scenario
    runs: list[Path]
    stores: list[Path]
    leaderboard: Path

    def page(self, output: Path) -> str:
        report(self.scenario, self.runs, self.stores, self.leaderboard, output)
        return output.read_text(encoding="utf-8")


@pytest.fixture(scope="session")
def scenario() -> Scenario:
    return Scenario.model_validate(
        {
            "name": "small",
            "title": "Small & <quick>",
            "datasets": {
                name: {"source": "simulate", "events": 80}
                for name in ("electron_photon", "quark_gluon")
            },
            "tasks": {"crops": CROPS | COMMON, "jets": JETS | COMMON, "later": LATER | COMMON},
            "seeds": [3, 5],
        }
    )


@pytest.fixture(scope="session")
def stores(tmp_path_factory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("stores")
    for seed, layout in enumerate(LAYOUTS.values()):
        raw = folder / f"{layout.name}.hdf5"
        _write_raw(raw, layout, np.random.default_rng(seed))
        split = Split(validation=0.2, test=0.25)
        pack(layout.name, layout, [raw], folder / layout.name, split=split, zero_below=0.0)
    return {name: folder / name for name in LAYOUTS}


def _write_raw(path: Path, layout: Layout, random: np.random.Generator, events: int = 80) -> None:
    """Write sparse noise. Only the times of crops can be negative."""
    label = np.arange(events) % 2
    shape = (events, *layout.shape[1:], layout.shape[0])
    image = np.where(random.random(shape) < 0.03, random.exponential(1, shape), 0)
    image[label == 1] *= 1.5
    if layout.name == "electron_photon":
        image[..., 1] *= random.choice([-1, 1], shape[:-1])
    with h5py.File(path, "w") as file:
        file.attrs["simulation"] = "{}"
        file[layout.image] = image.astype(np.float32)
        file[layout.label] = label.astype(np.float32)
        for scalar in layout.scalars:
            file[scalar.name] = random.uniform(10, 100, events)


@pytest.fixture(scope="session")
def results(scenario, stores, tmp_path_factory) -> Results:
    folder = tmp_path_factory.mktemp("results")
    runs = [folder / "crops" / "seed3", folder / "crops" / "seed5", folder / "jets" / "seed3"]
    for run in runs:
        task = scenario.tasks[run.parent.name]
        seed = int(run.name.removeprefix("seed"))
        train(run.parent.name, task.training(), seed, stores[task.dataset], run)
        evaluate(run)
        interpret(run, stores[task.dataset])
    leaderboard = folder / "leaderboard.csv"
    read = [read_run(run) for run in runs]
    write_leaderboard(scenario, read, {run.record.name: "id" for run in read}, leaderboard)
    return Results(scenario, runs, list(stores.values()), leaderboard)


@pytest.fixture(scope="session")
def html(results, tmp_path_factory) -> str:
    return results.page(tmp_path_factory.mktemp("page") / "report.html")
