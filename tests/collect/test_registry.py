"""The registered models: a version per training, and the alias of the best."""

import shutil

import mlflow
import numpy as np
import pytest
from mlflow.tracking import MlflowClient

from calobatch.cli import main
from calobatch.collect.collect import collect
from calobatch.errors import UserError
from calobatch.run.checked import finished_run
from calobatch.run.files import METRICS_FILE, RECORD_FILE
from calobatch.run.metrics import Metrics
from calobatch.run.training import RunRecord
from calobatch.tracking.download import download
from tests.collect.mlflow_content import children, registered

NAME = "tests-crops"


@pytest.fixture
def store(tmp_path, monkeypatch):
    """The address of an empty store of this checkout, which is the working folder."""
    monkeypatch.chdir(tmp_path)
    return f"sqlite:///{tmp_path}/mlflow.db"


def retrained(run, folder, auc, data=None):
    """Copy a run that was trained again, with another validation AUC, and perhaps other data."""
    copy = folder / run.name
    shutil.copytree(run, copy)
    record = RunRecord.read(copy / RECORD_FILE)
    changes = {"started": record.started + auc, **({"dataset_sha256": data} if data else {})}
    record.model_copy(update=changes).write(copy / RECORD_FILE)
    metrics = Metrics.read(copy / METRICS_FILE)
    changes = {"auc": auc, "auc_low": auc - 0.01, "auc_high": auc + 0.01}
    metrics.splits["validation"] = metrics.splits["validation"].model_copy(update=changes)
    metrics.write(copy / METRICS_FILE)
    return copy


def best(uri):
    """Return the AUC of the best version."""
    version = MlflowClient(uri).get_model_version_by_alias(NAME, "best")
    return float(version.tags["auc"])


def test_every_training_is_a_version_and_the_best_one_is_marked(collected, runs):
    uri, _ = collected
    title, _, aliases, versions = registered(uri)[NAME]
    assert title == "A task (scenario tests)"
    of_runs = {run.info.run_id for run in children(uri) + children(uri, "tests/crops/seed2")}
    assert {run_id for run_id, *_ in versions.values()} == of_runs
    assert len(versions) == len(runs)
    aucs = {number: float(tags["auc"]) for number, (*_, tags) in versions.items()}
    assert aliases["best"] == max(sorted(aucs), key=aucs.get)
    for *_, description, _ in versions.values():
        assert description.startswith("# crops, seed ")
        assert len(description) <= 5000


def test_the_best_moves_only_on_a_gain_beyond_the_uncertainty(scenario, runs, store, tmp_path):
    for auc, expected in ((0.70, 0.70), (0.71, 0.70), (0.73, 0.73), (0.5, 0.73)):
        copy = retrained(runs[0], tmp_path / f"{auc}", auc)
        collect(scenario, [copy], store, tmp_path / "leaderboard.csv")
        assert best(store) == expected
    # AUCs on other data cannot be compared.
    copy = retrained(runs[0], tmp_path / "other", 0.6, data="f" * 64)
    collect(scenario, [copy], store, tmp_path / "leaderboard.csv")
    assert best(store) == 0.6


def test_an_alias_that_a_user_has_moved_to_a_version_of_his_own_stays_there(
    scenario, runs, store, tmp_path
):
    collect(scenario, runs[:1], store, tmp_path / "leaderboard.csv")
    client = MlflowClient(store)
    (first,) = client.search_model_versions(f"name = '{NAME}'")
    own = client.create_model_version(NAME, first.source, run_id=first.run_id)
    client.set_registered_model_alias(NAME, "best", own.version)
    collect(scenario, runs, store, tmp_path / "leaderboard.csv")
    assert client.get_model_version_by_alias(NAME, "best").version == own.version


def test_a_marked_training_is_never_the_best(scenario, runs, store, tmp_path):
    copy = retrained(runs[0], tmp_path / "a", 0.99)
    record = RunRecord.read(copy / RECORD_FILE)
    record.model_copy(update={"mark": "constant scores"}).write(copy / RECORD_FILE)
    collect(scenario, [copy], store, tmp_path / "leaderboard.csv")
    _, _, aliases, versions = registered(store)[NAME]
    assert len(versions) == 1
    assert not aliases


def test_another_checkout_has_models_of_its_own_on_a_server(scenario, runs, tmp_path, monkeypatch):
    uri = f"sqlite:///{tmp_path}/mlflow.db"
    for name in ("mine", "yours"):
        (tmp_path / name).mkdir()
        monkeypatch.chdir(tmp_path / name)
        collect(scenario, runs, uri, tmp_path / name / "leaderboard.csv")
    found = registered(uri)
    assert len(found) == 2
    assert all(name.startswith(f"{NAME}-") for name in found)
    assert len({tags["calobatch.owner"] for _, tags, *_ in found.values()}) == 2


def test_the_best_model_scores_events_under_its_address(collected):
    uri, _ = collected
    mlflow.set_tracking_uri(uri)
    model = mlflow.pyfunc.load_model(f"models:/{NAME}@best")
    scored = model.predict({"image": np.zeros((1, 2, 32, 32), np.float32)})
    assert scored["probabilities"].shape == (1, 2)


@pytest.mark.parametrize("which", ["@best", "/1"])
def test_a_model_is_taken_by_its_address(collected, runs, tmp_path, monkeypatch, which):
    uri, _ = collected
    download(f"models:/{NAME}{which}", tmp_path / "taken", uri)
    record, weights = finished_run(tmp_path / "taken")
    (run,) = (r for r in runs if RunRecord.read(r / RECORD_FILE) == record)
    assert weights.read_bytes() == finished_run(run)[1].read_bytes()
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    raw = str(runs[0].parents[1] / "1.hdf5")
    main(["predict", f"models:/{NAME}{which}", raw, "--output", str(tmp_path / "scores.parquet")])
    assert (tmp_path / "scores.parquet").exists()


@pytest.mark.parametrize(
    ("address", "message"),
    [
        (f"models:/{NAME}", "names no model; write models:/NAME@best"),
        (f"models:/{NAME}/best", "names no model"),
        (f"models:/{NAME}@none", "cannot use the MLflow store.*none"),
        (f"models:/{NAME}/99", "cannot use the MLflow store.*not found"),
        ("models:/nothing@best", "cannot use the MLflow store"),
    ],
)
def test_a_model_that_is_not_there_is_told(collected, tmp_path, address, message):
    uri, _ = collected
    with pytest.raises(UserError, match=message):
        download(address, tmp_path / "taken", uri)
    assert not (tmp_path / "taken").exists()
