"""Collect after a change, a kill, a copy, or beside a colleague: what MLflow has then."""

import shutil

import pytest
from mlflow.tracking import MlflowClient

from calobatch.collect.collect import collect
from calobatch.errors import UserError
from calobatch.run.history import read_history
from calobatch.run.training import RunRecord
from tests.collect.mlflow_content import all_runs, children, snapshot


def test_collecting_again_changes_nothing(collected, scenario, runs, monkeypatch):
    uri, folder = collected
    monkeypatch.chdir(folder)
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


@pytest.mark.parametrize("name", ["export/model.onnx", "predictions.parquet", "metrics.json"])
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
    collected, scenario, runs, tmp_path, monkeypatch
):
    uri, folder = collected
    monkeypatch.chdir(folder)
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
    assert run.data.metrics["speed/training_seconds"] == pytest.approx(spent)
    assert run.info.end_time - run.info.start_time == pytest.approx(86_400_000, abs=2)


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
    assert len(MlflowClient(uri).get_metric_history(found[0].info.run_id, "epoch/seconds")) == 3


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


def test_a_model_file_that_was_cut_short_is_named_with_what_to_do(
    scenario, runs, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    copies = changed(runs, tmp_path)
    path = copies[0] / "export" / "model.onnx"
    path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(
        UserError,
        match=r"model\.onnx was changed after .*; delete it and run `calobatch export` again$",
    ):
        collect(scenario, copies, f"sqlite:///{tmp_path}/mlflow.db", tmp_path / "leaderboard.csv")


def test_the_environment_can_name_the_experiment(scenario, runs, tmp_path, monkeypatch):
    monkeypatch.setenv("MLFLOW_EXPERIMENT_NAME", "of my group")
    uri = f"sqlite:///{tmp_path}/mlflow.db"
    collect(scenario, runs, uri, tmp_path / "leaderboard.csv")
    experiment = MlflowClient(uri).get_experiment_by_name("of my group")
    assert MlflowClient(uri).search_runs([experiment.experiment_id])
    assert MlflowClient(uri).get_experiment_by_name("calobatch") is None
