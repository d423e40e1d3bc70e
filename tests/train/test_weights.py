"""Events with weights, from a raw file to metrics, model card and report."""

import json

import markupsafe
import numpy as np
import pyarrow.parquet as pq
import pytest
from sklearn.metrics import log_loss, roc_auc_score

from calobatch.collect.collect import collect
from calobatch.config.dataset import Reweight, Split
from calobatch.config.scenario import Scenario
from calobatch.evaluate.evaluate import evaluate
from calobatch.export.export import export
from calobatch.pack.pack import pack
from calobatch.report.report import report
from calobatch.run.metrics import Metrics
from calobatch.run.training import RunRecord
from calobatch.train.train import train
from tests.formats import npz
from tests.trained import JETS, SETTINGS, sizes

LAYOUT = JETS.model_copy(update={"weight": "weight"})
TASK = {"title": "Jets", "dataset": "jets", **SETTINGS.model_dump(exclude_defaults=True)}
SCENARIO = Scenario.model_validate(
    {
        "name": "weighted",
        "title": "Weights",
        "datasets": {"jets": {"source": "files", "files": "jets.npz"}},
        "tasks": {"task": TASK},
    }
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A packed store of 200 jets with weights, and an evaluated run of two epochs."""
    folder = tmp_path_factory.mktemp("weighted")
    events = sizes(LAYOUT, [0, 1] * 100, seed=6)
    scalars = {s.name: events.scalars_BS[:, i] for i, s in enumerate(LAYOUT.scalars)}
    weight = np.random.default_rng(1).uniform(0, 2, 200)
    arrays = {"X_jets": events.image_BCHW, "y": events.label, **scalars, "weight": weight}
    raw = npz(folder / "jets.npz", arrays)
    reweight = Reweight(scalar="pt", bins=4)
    pack("jets", LAYOUT, [raw], folder / "store", split=Split(), zero_below=0, reweight=reweight)
    train("task", SETTINGS, 1, folder / "store", folder / "run")
    evaluate(folder / "run")
    return folder


def of_split(folder, split):
    """Return labels, scores and weights of a split, from the table of predictions."""
    table = pq.read_table(folder / "run/predictions.parquet", filters=[("split", "==", split)])
    return (table[name].to_numpy() for name in ("label", "score", "weight"))


@pytest.mark.parametrize("split", ["train", "validation", "test"])
def test_metrics_count_events_with_their_weights(folder, split):
    label, score, weight = of_split(folder, split)
    found = Metrics.read(folder / "run/metrics.json").splits[split]
    assert found.auc == pytest.approx(roc_auc_score(label, score, sample_weight=weight))
    assert found.auc_low < found.auc < found.auc_high
    assert found.accuracy == pytest.approx(np.average((score > 0.5) == label, weights=weight))
    assert np.sum(found.confusion) == pytest.approx(weight.sum())
    assert found.events == len(label) > found.effective_events > 1


def test_the_history_has_the_weighted_loss_and_auc_of_the_validation_split(folder):
    label, score, weight = of_split(folder, "validation")
    best = RunRecord.read(folder / "run/run.json").best_epoch
    lines = (folder / "run/history.jsonl").read_text().splitlines()
    epoch = json.loads(lines[best - 1])
    expected = log_loss(label, score.astype(np.float64), sample_weight=weight)
    assert epoch["validation_loss"] == pytest.approx(expected, rel=1e-5)
    expected = roc_auc_score(label, score, sample_weight=weight)
    assert epoch["validation_auc"] == pytest.approx(expected, abs=1e-6)


def test_weights_change_what_is_trained(folder, tmp_path):
    unweighted = LAYOUT.model_copy(update={"weight": None})
    files, store = [folder / "jets.npz"], tmp_path / "store"
    pack("jets", unweighted, files, store, split=Split(), zero_below=0)
    train("task", SETTINGS, 1, store, tmp_path / "run")
    names = ("event", "split", "label")
    weighted = pq.read_table(folder / "run/predictions.parquet")
    found = pq.read_table(tmp_path / "run/predictions.parquet")
    assert found.column_names == [*names, "score"]
    assert found.select(names) == weighted.select(names)
    first, other = (
        json.loads((of / "history.jsonl").read_text().splitlines()[0])
        for of in (folder / "run", tmp_path / "run")
    )
    assert first["train_loss"] != other["train_loss"]


def test_model_card_and_report_say_which_weights_events_have(folder, tmp_path, monkeypatch):
    run, store = folder / "run", folder / "store"
    export(run, store)
    origin = "the 'weight' of the raw files times a factor that makes the spectra of pt"
    assert origin in (run / "export/card.md").read_text()
    monkeypatch.chdir(tmp_path)
    collect(SCENARIO, [run], f"sqlite:///{tmp_path}/mlflow.db", tmp_path / "leaderboard.csv")
    report(SCENARIO, [run], [store], tmp_path / "leaderboard.csv", tmp_path / "report.html")
    page = (tmp_path / "report.html").read_text()
    assert markupsafe.escape(origin) in page
    assert page.count("events count with their weights") == 1
