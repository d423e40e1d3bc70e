"""A store, a checkpoint and a finished run of version 0.1.0 are read by the code of today."""

import json
import shutil
import subprocess
import sys

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch
from mlflow.tracking import MlflowClient

from calobatch.collect.collect import collect
from calobatch.config.scenario import Scenario
from calobatch.config.training import Training
from calobatch.evaluate.evaluate import evaluate
from calobatch.export.export import export
from calobatch.run.folder import read_run
from calobatch.run.history import read_history
from calobatch.run.leaderboard import read_leaderboard
from calobatch.store import open_store
from calobatch.train import identity as identity_module
from calobatch.train.checkpoint import read_checkpoint
from calobatch.train.identity import training_identity
from tests.checkout import CHECKOUT

KEPT = CHECKOUT / "tests" / "data" / "kept"
TASK, SEED = "kept", 3


@pytest.fixture
def run(tmp_path):
    """A copy of the finished run, without its metrics."""
    folder = shutil.copytree(KEPT / "run", tmp_path / TASK / f"seed{SEED}")
    (folder / "metrics.json").unlink()
    return folder


def test_the_store_has_the_events_that_its_manifest_counts():
    store = open_store(KEPT / "store")
    assert len(store) == 200
    assert {split: len(store.events_of(split)) for split in ("train", "validation", "test")} == {
        split: sum(counts.values()) for split, counts in store.manifest.counts.items()
    }
    image = store.dense(np.arange(len(store)))
    energy = store.manifest.channels[0]
    training = image[store.events_of("train"), 0]
    assert np.count_nonzero(training) / training.size == pytest.approx(energy.fill)
    assert training.mean(dtype=float) == pytest.approx(energy.mean)


def test_a_training_still_has_the_identity_that_it_had(monkeypatch):
    """Otherwise checkpoints would be thrown away, and finished trainings repeated."""
    record = json.loads((KEPT / "run" / "run.json").read_text())
    monkeypatch.setattr(
        identity_module.torch, "__version__", record["provenance"]["packages"]["torch"]
    )
    settings = Training.model_validate_json((KEPT / "settings.json").read_text())
    store, device = open_store(KEPT / "store"), torch.device("cpu")
    assert training_identity(settings, SEED, store, device) == record["identity"]
    assert training_identity(settings, SEED + 1, store, device) != record["identity"]


def test_a_checkpoint_in_mid_epoch_is_continued_to_the_history_of_0_1_0(tmp_path):
    """The predictions are those of another epoch: two have the same AUC, of which 0.1.0 kept the
    first, and today's code keeps that with the lower loss.
    """
    kept = json.loads((KEPT / "run" / "run.json").read_text())
    state = tmp_path / "checkpoint" / "state.pt"
    state.parent.mkdir()
    same_build = torch.__version__ == kept["provenance"]["packages"]["torch"]
    content = torch.load(KEPT / "checkpoint" / "state.pt", weights_only=True)
    if not same_build:  # another build of torch is another identity, and other last bits
        settings = Training.model_validate_json((KEPT / "settings.json").read_text())
        store = open_store(KEPT / "store")
        content["identity"] = training_identity(settings, SEED, store, torch.device("cpu"))
    torch.save(content, state)
    calobatch = [sys.executable, "-m", "calobatch.cli"]
    subprocess.run(
        [
            *(*calobatch, "launch", "-n", "2", *calobatch, "train", TASK, "--run", f"seed{SEED}"),
            *("--store", KEPT / "store", "--output", tmp_path),
            *("--settings", KEPT / "settings.json"),
        ],
        check=True,
        timeout=300,
    )
    record = json.loads((tmp_path / "run.json").read_text())
    # Newer versions add keys with defaults.
    assert set(record) - set(kept) == {
        "files", "content_sha256", "mark", "code_sha256", "preparation",
    }  # fmt: skip
    assert (record["resumed_after_epoch"], record["resumed_at_step"]) == (3, 30)
    resumed, undisturbed = (
        pq.read_table(folder / "predictions.parquet") for folder in (tmp_path, KEPT / "run")
    )
    assert resumed.drop(["score"]) == undisturbed.drop(["score"])
    resumed, undisturbed = (
        np.array(
            [
                [epoch.train_loss, epoch.validation_loss, epoch.validation_auc, epoch.learning_rate]
                for epoch in read_history(folder / "history.jsonl")
            ]
        )
        for folder in (tmp_path, KEPT / "run")
    )
    assert np.allclose(resumed, undisturbed, rtol=0, atol=1e-12 if same_build else 0.05)


def test_a_checkpoint_of_another_training_is_not_continued():
    assert read_checkpoint(KEPT / "checkpoint" / "state.pt", "0" * 64) is None


def test_a_finished_run_is_measured_as_it_was(run):
    evaluate(run)
    old, new = (
        json.loads((folder / "metrics.json").read_text())["splits"]
        for folder in (KEPT / "run", run)
    )
    assert set(new) == set(old)
    for split, metrics in old.items():
        assert set(new[split]) == set(metrics)
        assert new[split].pop("confusion") == metrics.pop("confusion")
        assert new[split] == pytest.approx(metrics)


def test_a_finished_run_is_collected(run, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # MLflow stores artifacts beside its database
    evaluate(run)
    export(run, KEPT / "store")
    settings = json.loads((KEPT / "settings.json").read_text())
    task = settings | {"title": "Kept", "dataset": "electron_photon"}
    dataset = {"source": "simulate", "events": 200}
    scenario = Scenario.model_validate(
        {
            "name": "kept",
            "title": "Kept",
            "datasets": {"electron_photon": dataset},
            "tasks": {TASK: task},
            "seeds": [SEED],
        }
    )
    uri = f"sqlite:///{tmp_path}/mlflow.db"
    collect(scenario, [run], uri, tmp_path / "leaderboard.csv")
    lines = read_leaderboard(tmp_path / "leaderboard.csv")
    assert [line.split for line in lines] == ["train", "validation", "test"]
    params = MlflowClient(uri).get_run(lines[0].run_id).data.params
    assert params["model"] == read_run(run).record.training.model == "two_branch_cnn"
