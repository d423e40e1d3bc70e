"""What MLflow has after collect, read with the client of MLflow itself."""

import csv
import os
import shutil
import sqlite3
import subprocess
import sys
import threading
import time
from contextlib import closing
from hashlib import sha256
from pathlib import Path

import mlflow
import numpy as np
import pytest
import requests
import torch
import uvicorn
from mlflow.pyfunc import scoring_server
from mlflow.tracking import MlflowClient

from calobatch.collect.collect import collect
from calobatch.collect.mlflow_store import tag_of
from calobatch.config.models import SPLITS
from calobatch.errors import UserError
from calobatch.run.history import read_history
from calobatch.run.leaderboard import COLUMNS
from calobatch.run.metrics import Metrics
from calobatch.run.predictions import read_predictions
from calobatch.run.training import RunRecord
from calobatch.store import open_store

PATH = f"{Path(sys.executable).parent}:{os.environ['PATH']}"


@pytest.fixture(scope="module")
def collected(scenario, runs, tmp_path_factory):
    folder = tmp_path_factory.mktemp("mlflow")
    with pytest.MonkeyPatch.context() as patched:
        patched.chdir(folder)  # artifacts lie beside the database
        uri = f"sqlite:///{folder}/mlflow.db"
        collect(scenario, runs, uri, folder / "leaderboard.csv")
        yield uri, folder


def all_runs(client):
    experiments = [e.experiment_id for e in client.search_experiments()]
    return client.search_runs(experiments)


def snapshot(uri):
    """Return everything that MLflow has about every run."""
    client = MlflowClient(uri)
    content = {}
    for run in all_runs(client):
        metrics = {
            name: [(m.step, m.timestamp, m.value) for m in client.get_metric_history(
                run.info.run_id, name)]
            for name in run.data.metrics
        }  # fmt: skip
        artifacts = sorted(a.path for a in client.list_artifacts(run.info.run_id))
        info = (run.info.status, run.info.start_time, run.info.end_time)
        content[run.info.run_id] = (info, run.data.tags, run.data.params, metrics, artifacts)
    return content


def children(uri, key="tests/crops/seed1"):
    return [r for r in all_runs(MlflowClient(uri)) if r.data.tags["calobatch.key"] == key]


def test_one_parent_and_a_child_for_each_training(collected):
    uri, _ = collected
    found = all_runs(MlflowClient(uri))
    parents = [run for run in found if "mlflow.parentRunId" not in run.data.tags]
    assert [run.info.run_name for run in parents] == ["tests"]
    nested = [run for run in found if "mlflow.parentRunId" in run.data.tags]
    assert {run.data.tags["mlflow.parentRunId"] for run in nested} == {parents[0].info.run_id}
    assert sorted(r.info.run_name for r in nested) == ["crops seed 1", "crops seed 2"]
    assert {run.info.status for run in found} == {"FINISHED"}


def test_every_hyperparameter_is_there(collected, runs):
    params = children(collected[0])[0].data.params
    training = RunRecord.read(runs[0] / "run.json").training.model_dump()
    for name, value in training.items():
        if isinstance(value, dict):
            assert all(params[f"{name}.{key}"] == str(v) for key, v in value.items())
        else:
            assert params[name] == str(value)
    assert params["seed"] == "1"


def test_every_epoch_is_there_at_the_time_it_ended(collected, runs):
    client = MlflowClient(collected[0])
    run_id = children(collected[0])[0].info.run_id
    history = read_history(runs[0] / "history.jsonl")
    for name in ("train_loss", "validation_auc", "learning_rate"):
        logged = client.get_metric_history(run_id, f"epoch_{name}")
        assert [(m.step, m.timestamp, m.value) for m in logged] == [
            (epoch.epoch, round(epoch.time * 1000), getattr(epoch, name)) for epoch in history
        ]


def test_final_metrics_are_those_of_evaluate(collected, runs):
    logged = children(collected[0])[0].data.metrics
    for split, measured in Metrics.read(runs[0] / "metrics.json").splits.items():
        assert logged[f"{split}_auc"] == measured.auc
        assert logged[f"{split}_accuracy"] == measured.accuracy


def test_provenance_names_code_data_packages_and_machine(collected, runs):
    tags = children(collected[0])[0].data.tags
    record = RunRecord.read(runs[0] / "run.json")
    assert tags["calobatch.git_commit"] == record.provenance.git_commit
    assert tags["calobatch.git_dirty"] in ("true", "false")
    assert tags["calobatch.dataset_sha256"] == record.dataset_sha256
    assert tags["calobatch.identity"] == record.identity
    settings = record.training.model_dump_json()
    assert tags["calobatch.config_sha256"] == sha256(settings.encode()).hexdigest()
    assert tags["calobatch.package.torch"] == record.provenance.packages["torch"]
    assert (tags["calobatch.device"], tags["calobatch.ranks"]) == ("cpu", "1")
    assert tags["calobatch.source_sha256.0.hdf5"] == record.source_sha256["0.hdf5"]


@pytest.mark.parametrize("name", ["my+file.hdf5", "jets (1).parquet", "a,b;c.h5", "é.hdf5"])
def test_a_file_of_any_name_has_a_tag_that_mlflow_takes(collected, name):
    client = MlflowClient(collected[0])
    run_id = children(collected[0], "tests/crops/seed2")[0].info.run_id
    client.set_tag(run_id, tag_of(f"source_sha256.{name}"), "x")
    assert client.get_run(run_id).data.tags[tag_of(f"source_sha256.{name}")] == "x"


def test_plots_and_predictions_are_artifacts(collected, runs):
    client = MlflowClient(collected[0])
    run_id = children(collected[0])[0].info.run_id
    top = {artifact.path for artifact in client.list_artifacts(run_id)}
    assert {"run.json", "metrics.json", "history.jsonl", "predictions.parquet"} <= top
    plots = {artifact.path for artifact in client.list_artifacts(run_id, "plots")}
    assert plots == {f"plots/{path.name}" for path in (runs[0] / "plots").glob("*.png")}


def test_the_logged_model_gives_the_scores_of_the_predictions(collected, runs):
    run_id = children(collected[0])[0].info.run_id
    mlflow.set_tracking_uri(collected[0])
    model = mlflow.pytorch.load_model(f"runs:/{run_id}/model")
    store = open_store(runs[0].parents[1] / "store")
    events = store.events_of("test")
    logits = model(torch.from_numpy(store.dense(events)))
    scores = torch.softmax(logits, dim=1)[:, 1].detach().numpy()
    expected = read_predictions(runs[0] / "predictions.parquet")["test"].score
    np.testing.assert_allclose(scores, expected, atol=1e-6)


def test_pyfunc_and_the_server_of_mlflow_score_an_array(collected, runs):
    run_id = children(collected[0])[0].info.run_id
    mlflow.set_tracking_uri(collected[0])
    store = open_store(runs[0].parents[1] / "store")
    image_BCHW = store.dense(store.events_of("test")[:3])
    model = mlflow.pyfunc.load_model(f"runs:/{run_id}/model")
    logits_B2 = mlflow.pytorch.load_model(f"runs:/{run_id}/model")(torch.from_numpy(image_BCHW))
    expected = logits_B2.detach().numpy()
    np.testing.assert_allclose(model.predict(image_BCHW), expected, atol=1e-6)
    # What `mlflow models serve` serves, and how.
    server = uvicorn.Server(uvicorn.Config(scoring_server.init(model), port=0, log_level="error"))
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        while not server.started:
            time.sleep(0.05)
        port = server.servers[0].sockets[0].getsockname()[1]
        address = f"http://127.0.0.1:{port}/invocations"
        answer = requests.post(address, json={"inputs": image_BCHW.tolist()}, timeout=60)
    finally:
        server.should_exit = True
        thread.join()
    assert answer.status_code == 200, answer.text
    np.testing.assert_allclose(answer.json()["predictions"], expected, atol=1e-5)


def test_the_logged_model_has_a_signature(collected):
    run_id = children(collected[0])[0].info.run_id
    mlflow.set_tracking_uri(collected[0])
    signature = mlflow.models.get_model_info(f"runs:/{run_id}/model").signature
    assert signature.inputs.inputs[0].shape == (-1, 2, 32, 32)
    assert signature.outputs.inputs[0].shape == (-1, 2)


def test_the_leaderboard_has_a_line_for_each_run_and_split(collected, runs):
    uri, folder = collected
    with (folder / "leaderboard.csv").open() as file:
        lines = list(csv.DictReader(file))
    assert tuple(lines[0]) == COLUMNS
    assert [(line["seed"], line["split"]) for line in lines] == [
        (seed, split) for seed in ("1", "2") for split in SPLITS
    ]
    assert {line["run_id"] for line in lines} == {
        run.info.run_id for seed in (1, 2) for run in children(uri, f"tests/crops/seed{seed}")
    }
    references = {line["split"]: line["reference_auc"] for line in lines}
    assert references == {"train": "", "validation": "0.7", "test": ""}


def test_collecting_again_changes_nothing(collected, scenario, runs):
    uri, folder = collected
    before, board = snapshot(uri), (folder / "leaderboard.csv").read_bytes()
    collect(scenario, runs, uri, folder / "leaderboard.csv")
    assert snapshot(uri) == before
    assert (folder / "leaderboard.csv").read_bytes() == board


def changed(runs, folder):
    """Copy the runs; the first one has a different outcome, as if it had been trained again."""
    copies = [folder / "crops" / run.name for run in runs]
    for run, copy in zip(runs, copies, strict=True):
        shutil.copytree(run, copy)
    record = RunRecord.read(copies[0] / "run.json")
    earlier = record.model_copy(update={"started": record.started - 1})
    earlier.write(copies[0] / "run.json")
    return copies


@pytest.mark.parametrize("name", ["model.safetensors", "predictions.parquet", "metrics.json"])
def test_a_damaged_run_is_refused_before_mlflow_has_anything_of_it(
    scenario, runs, tmp_path, monkeypatch, name
):
    monkeypatch.chdir(tmp_path)
    copy = shutil.copytree(runs[0], tmp_path / "run")
    content = bytearray((copy / name).read_bytes())
    content[len(content) // 2] ^= 1
    (copy / name).write_bytes(content)
    uri = f"sqlite:///{tmp_path}/mlflow.db"
    with pytest.raises(UserError, match=name):
        collect(scenario, [copy], uri, tmp_path / "leaderboard.csv")
    assert not (tmp_path / "mlflow.db").exists()
    assert not (tmp_path / "leaderboard.csv").exists()


def test_a_repeated_training_gets_a_new_run_and_the_old_one_is_kept(
    collected, scenario, runs, tmp_path
):
    uri, _ = collected
    old = children(uri)[0].info.run_id
    collect(scenario, changed(runs, tmp_path), uri, tmp_path / "leaderboard.csv")
    states = {run.info.run_id: run.data.tags["calobatch.state"] for run in children(uri)}
    assert states.pop(old) == "superseded"
    assert list(states.values()) == ["current"]
    collect(scenario, runs, uri, tmp_path / "leaderboard.csv")  # back to the first outcome
    states = {run.info.run_id: run.data.tags["calobatch.state"] for run in children(uri)}
    assert states.pop(old) == "current"
    assert list(states.values()) == ["superseded"]


def test_the_time_of_a_training_does_not_include_the_pause_before_it_was_resumed(
    scenario, runs, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    copies = changed(runs, tmp_path)
    record = RunRecord.read(copies[0] / "run.json")
    resumed = record.model_copy(update={"started": record.finished - 86_400})
    (copies[0] / "run.json").write_text(resumed.model_dump_json())
    uri = f"sqlite:///{tmp_path}/mlflow.db"
    collect(scenario, copies, uri, tmp_path / "leaderboard.csv")
    run = children(uri)[0]
    spent = sum(epoch.seconds for epoch in read_history(copies[0] / "history.jsonl"))
    assert run.data.metrics["training_seconds"] == pytest.approx(spent)
    assert run.info.end_time - run.info.start_time == pytest.approx(86_400_000, abs=2)


def test_a_machine_without_git_gets_no_complaint_about_it(scenario, runs, tmp_path):
    """As in the images. The message is GitPython's, which MLflow imports."""
    code = (
        "import sys; from pathlib import Path; from calobatch.collect.collect import collect;"
        "from calobatch.config.models import Scenario;"
        "scenario = Scenario.model_validate_json(sys.argv[1]);"
        "collect(scenario, [Path(name) for name in sys.argv[3:]], sys.argv[2], Path('board.csv'))"
    )
    uri = f"sqlite:///{tmp_path}/mlflow.db"
    without_git = {name: value for name, value in os.environ.items() if name[:4] != "GIT_"}
    answer = subprocess.run(
        [sys.executable, "-c", code, scenario.model_dump_json(), uri, *map(str, runs)],
        env=without_git | {"PATH": str(tmp_path)},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert answer.returncode == 0, answer.stderr
    assert "crops" in answer.stdout
    assert "git" not in answer.stderr.lower()


def test_a_run_that_a_kill_left_incomplete_is_written_again(scenario, runs, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    uri = f"sqlite:///{tmp_path}/mlflow.db"
    with monkeypatch.context() as patched:

        def die(*_):
            raise KeyboardInterrupt

        patched.setattr("calobatch.collect.mlflow_store.log_model", die)
        with pytest.raises(KeyboardInterrupt):
            collect(scenario, runs, uri, tmp_path / "leaderboard.csv")
    assert not (tmp_path / "leaderboard.csv").exists()
    collect(scenario, runs, uri, tmp_path / "leaderboard.csv")
    found = children(uri)
    assert [run.data.tags["calobatch.state"] for run in found] == ["current"]
    assert len(MlflowClient(uri).get_metric_history(found[0].info.run_id, "epoch_seconds")) == 3


@pytest.mark.parametrize("state", ["incomplete", "current"])
def test_the_runs_of_a_colleague_with_the_same_scenario_are_left_alone(
    state, scenario, runs, tmp_path, monkeypatch
):
    """The store is outside the checkout, as that of a server is."""
    uri = f"sqlite:///{tmp_path}/shared.db"
    for name in ("mine", "theirs"):
        (tmp_path / name).mkdir()
    monkeypatch.chdir(tmp_path / "theirs")
    collect(scenario, runs, uri, tmp_path / "theirs.csv")
    client = MlflowClient(uri)
    for run in all_runs(client):
        client.set_tag(run.info.run_id, "calobatch.state", state)
    before = snapshot(uri)
    monkeypatch.chdir(tmp_path / "mine")
    collect(scenario, runs, uri, tmp_path / "mine.csv")
    after = snapshot(uri)
    assert {run_id: after[run_id] for run_id in before} == before
    assert len(after) == 2 * len(before)


def test_a_run_whose_parent_was_deleted_gets_a_new_parent(scenario, runs, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    uri = "sqlite:///mlflow.db"
    collect(scenario, runs, uri, tmp_path / "leaderboard.csv")
    (child, *_) = children(uri)
    MlflowClient(uri).delete_run(child.data.tags["mlflow.parentRunId"])
    collect(scenario, runs, uri, tmp_path / "leaderboard.csv")
    (again, *_) = children(uri)
    assert again.info.run_id == child.info.run_id
    parent = MlflowClient(uri).get_run(again.data.tags["mlflow.parentRunId"])
    assert parent.info.lifecycle_stage == "active"


def test_a_store_that_was_copied_with_the_checkout_is_refused_and_nothing_goes_to_the_original(
    scenario, runs, tmp_path, monkeypatch
):
    original, copy = tmp_path / "original", tmp_path / "copy"
    original.mkdir()
    monkeypatch.chdir(original)
    # Addresses that differ, because MLflow keeps the files of a process open.
    collect(scenario, runs, f"sqlite:///{original}/mlflow.db", original / "leaderboard.csv")
    shutil.copytree(original, copy)
    files = sorted(original.rglob("*"))
    monkeypatch.chdir(copy)
    with pytest.raises(UserError, match=rf"was made in {original}, .*`mv .*mlflow.db.old`"):
        collect(scenario, runs, f"sqlite:///{copy}/mlflow.db", copy / "leaderboard.csv")
    assert sorted(original.rglob("*")) == files
    (copy / "mlflow.db").rename(copy / "mlflow.db.old")
    collect(scenario, runs, f"sqlite:///{copy}/./mlflow.db", copy / "leaderboard.csv")
    assert len(children(f"sqlite:///{copy}/./mlflow.db")) == 1


def test_a_run_without_metrics_is_refused(scenario, runs, tmp_path):
    shutil.copytree(runs[0], tmp_path / "run")
    (tmp_path / "run" / "metrics.json").unlink()
    with pytest.raises(UserError, match=r"no metrics\.json; train and evaluate this run first"):
        collect(scenario, [tmp_path / "run"], "sqlite://", tmp_path / "leaderboard.csv")


@pytest.mark.parametrize(
    "uri", ["file://{folder}/mlruns", "sqlite:///{folder}/notes.txt", "mongodb://x/y", "oracle://x"]
)
def test_a_store_that_cannot_be_used_is_one_message_that_says_what_to_do(
    scenario, runs, tmp_path, uri
):
    (tmp_path / "notes.txt").write_text("This is no database. " * 100)
    uri = uri.format(folder=tmp_path)
    with pytest.raises(UserError) as raised:
        collect(scenario, runs, uri, tmp_path / "leaderboard.csv")
    message = str(raised.value)
    assert message.startswith(f"cannot use the MLflow store {uri}: ")
    assert message.endswith(
        "set MLFLOW_TRACKING_URI to another store, for example sqlite:///mlflow.db"
    )
    assert "\n" not in message


def test_the_database_of_another_program_is_refused_and_not_touched(scenario, runs, tmp_path):
    file = tmp_path / "other.db"
    with closing(sqlite3.connect(file)) as other:
        other.execute("CREATE TABLE alembic_version (version_num TEXT)")
        other.execute("INSERT INTO alembic_version VALUES ('of another program')")
        other.commit()
    before = file.read_bytes()
    with pytest.raises(UserError, match=r"database of another program, with the tables alembic_v"):
        collect(scenario, runs, f"sqlite:///{file}", tmp_path / "leaderboard.csv")
    assert file.read_bytes() == before


def test_a_database_of_a_newer_mlflow_is_one_message(scenario, runs, tmp_path):
    file = tmp_path / "newer.db"
    collect(scenario, runs[:1], f"sqlite:///{file}", tmp_path / "leaderboard.csv")
    with closing(sqlite3.connect(file)) as store:
        store.execute("UPDATE alembic_version SET version_num = 'of the future'")
        store.commit()
    # Another address of the same file, because MLflow keeps the stores of a process open.
    with pytest.raises(UserError, match=r"another version of MLflow has written it, so use") as e:
        collect(scenario, runs[:1], f"sqlite:///{file}?again=1", tmp_path / "leaderboard.csv")
    assert "\n" not in str(e.value)


@pytest.mark.parametrize("mode", ["ro", "rw"])
def test_a_database_that_cannot_be_written_is_one_message(
    mode, scenario, runs, tmp_path, monkeypatch
):
    monkeypatch.setenv("MLFLOW_SQLALCHEMYSTORE_POOL_SIZE", "1")
    file = tmp_path / "mlflow.db"
    collect(scenario, runs[:1], f"sqlite:///{file}", tmp_path / "leaderboard.csv")
    with closing(sqlite3.connect(file)) as locking:
        if mode == "rw":
            locking.execute("BEGIN IMMEDIATE")
        uri = f"sqlite:///file:{file}?mode={mode}&uri=true&timeout=1"
        with pytest.raises(UserError, match=r"readonly database|database is locked") as raised:
            collect(scenario, runs, uri, tmp_path / "leaderboard.csv")
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    "uri",
    ["http://ann:hidden@127.0.0.1:9", "postgresql://ann:hidden@127.0.0.1:9/mlflow",
     "oracle://127.0.0.1/x?password=hidden", "mongodb://ann:hidden@127.0.0.1:9/x"],
)  # fmt: skip
def test_a_store_that_cannot_be_used_is_named_without_its_password(
    scenario, runs, tmp_path, monkeypatch, uri
):
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    # The password of the first address would stay in the environment.
    for name in ("USERNAME", "PASSWORD"):
        monkeypatch.setenv(f"MLFLOW_TRACKING_{name}", "")
    monkeypatch.setenv("NETRC", os.devnull)
    with pytest.raises(UserError, match="cannot use the MLflow store") as raised:
        collect(scenario, runs, uri, tmp_path / "leaderboard.csv")
    assert "127.0.0.1" in str(raised.value)
    assert "hidden" not in str(raised.value)


def test_an_experiment_that_was_deleted_in_mlflow_can_be_restored_as_the_message_says(
    scenario, runs, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    uri = f"sqlite:///{tmp_path}/mlflow.db"
    client = MlflowClient(uri)
    client.delete_experiment(client.create_experiment("calobatch"))
    with pytest.raises(UserError, match="was deleted; restore it with") as raised:
        collect(scenario, runs, uri, tmp_path / "leaderboard.csv")
    command = str(raised.value).split("`")[1]
    subprocess.run(command, shell=True, check=True, env=os.environ | {"PATH": PATH})
    assert client.get_experiment_by_name("calobatch").lifecycle_stage == "active"


def test_a_model_file_that_was_cut_short_is_named_with_what_to_do(
    scenario, runs, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    copies = changed(runs, tmp_path)
    path = copies[0] / "model.safetensors"
    path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(
        UserError, match=r"model\.safetensors was changed after .*; delete it and train again$"
    ):
        collect(scenario, copies, f"sqlite:///{tmp_path}/mlflow.db", tmp_path / "leaderboard.csv")
