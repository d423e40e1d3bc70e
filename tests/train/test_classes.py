"""A dataset with three classes, from its file to leaderboard, MLflow and report."""

import json

import numpy as np
import pyarrow.parquet as pq
import pytest
from mlflow.tracking import MlflowClient

from calobatch.collect.collect import collect
from calobatch.config.dataset import Split
from calobatch.config.scenario import Scenario
from calobatch.evaluate.evaluate import evaluate
from calobatch.export.export import export
from calobatch.pack.pack import pack
from calobatch.report.report import report
from calobatch.run.leaderboard import read_leaderboard
from calobatch.run.metrics import Metrics
from calobatch.run.predictions import read_predictions
from calobatch.store import open_store
from calobatch.train.train import train
from tests.layouts import ELECTRON_PHOTON

CLASSES = ("muon", "pion", "kaon")
LAYOUT = ELECTRON_PHOTON.model_copy(
    update={
        "name": "tracker",
        "classes": CLASSES,
        "shares": None,
        "channels": ELECTRON_PHOTON.channels[:1],
    }
)
TASK = {
    "title": "Three kinds of tracks",
    "dataset": "tracker",
    "model": "cnn",
    "epochs": 3,
    "batch_size": 32,
    "learning_rate": 2e-3,
    "ranks": 1,
    "communicator": "single",
}


@pytest.fixture(scope="module")
def scenario():
    return Scenario.model_validate(
        {
            "name": "three",
            "title": "Three classes",
            "datasets": {"tracker": {"source": "files", "files": "tracks.npz"}},
            "tasks": {"tracks": TASK},
        }
    )


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    """Images with a line across them: along the rows, along the columns, or along neither."""
    folder = tmp_path_factory.mktemp("three")
    random = np.random.default_rng(8)
    label = random.permutation(np.repeat([0, 1, 2], [200, 160, 120]))
    image = np.where(random.random((len(label), 32, 32)) < 0.02, 1.0, 0.0)
    for event, (kind, place) in enumerate(
        zip(label, random.integers(4, 28, len(label)), strict=True)
    ):
        if kind == 0:
            image[event, place] += 1
        elif kind == 1:
            image[event, :, place] += 1
    np.savez_compressed(folder / "tracks.npz", X=image, y=label)
    pack("tracker", LAYOUT, [folder / "tracks.npz"], folder / "store", split=Split(), zero_below=0)
    return folder / "store"


@pytest.fixture(scope="module")
def run(scenario, store, tmp_path_factory):
    folder = tmp_path_factory.mktemp("results") / "tracks" / "seed1"
    train("tracks", scenario.tasks["tracks"].training(), 1, store, folder)
    evaluate(folder)
    return folder


def test_a_store_has_its_whole_layout(store):
    manifest = json.loads((store / "manifest.json").read_text())
    assert manifest["format"] == 2
    assert manifest["layout"] == json.loads(LAYOUT.model_dump_json())
    assert open_store(store).layout == LAYOUT
    assert {split: sum(of.values()) for split, of in manifest["counts"].items()} == {
        "train": 345, "validation": 39, "test": 96,
    }  # fmt: skip


def test_predictions_have_a_column_for_each_class_and_add_up_to_one(run):
    table = pq.read_table(run / "predictions.parquet")
    assert table.column_names == ["event", "split", "label", *(f"score_{c}" for c in CLASSES)]
    for label, score, _ in read_predictions(run / "predictions.parquet").values():
        assert score.shape == (len(label), 3)
        np.testing.assert_allclose(score.sum(axis=1), 1, rtol=1e-5)


def test_a_model_learns_three_classes(run):
    test = Metrics.read(run / "metrics.json").splits["test"]
    assert test.auc > 0.9
    assert test.accuracy > 0.5
    assert list(test.classes) == list(CLASSES)
    history = [json.loads(line) for line in (run / "history.jsonl").read_text().splitlines()]
    assert max(epoch["validation_auc"] for epoch in history) > 0.9


def test_mlflow_leaderboard_and_report_show_each_class(scenario, store, run, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    uri, leaderboard = f"sqlite:///{tmp_path}/mlflow.db", tmp_path / "leaderboard.csv"
    export(run, store)
    collect(scenario, [run], uri, leaderboard)
    test = Metrics.read(run / "metrics.json").splits["test"]
    line = next(line for line in read_leaderboard(leaderboard) if line.split == "test")
    assert line.auc == pytest.approx(test.auc, abs=1e-6)
    logged = MlflowClient(uri).get_run(line.run_id).data.metrics
    assert logged["test/auc"] == test.auc
    assert logged["test/auc_kaon"] == test.classes["kaon"].auc
    assert logged["test/auc_muon_pion"] == test.pairs[0].auc

    report(scenario, [run], [store], leaderboard, tmp_path / "report.html")
    page = (tmp_path / "report.html").read_text()
    assert "each class against all others, and each pair" in page
    for name in CLASSES:
        assert f"against {name}" in page
        assert f"{test.classes[name].auc:.4f}" in page
    for pair in test.pairs:
        assert page.count(f"{pair.auc:.4f}") >= 2
    assert "no background passes" not in page
