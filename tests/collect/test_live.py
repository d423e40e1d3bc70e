"""Epochs of trainings that are at work, on MLflow's page."""

import shutil

import pytest
from mlflow.tracking import MlflowClient

from calobatch.cli import main
from calobatch.collect.collect import collect
from calobatch.collect.live import Live
from calobatch.errors import UserError
from calobatch.run.history import EPOCH_METRICS, read_history, write_history
from calobatch.run.name import RunName
from calobatch.tracking.view import FILTER
from tests.checkout import CHECKOUT
from tests.collect.mlflow_content import children, content

NAME = RunName("crops", 1)


@pytest.fixture
def uri(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return f"sqlite:///{tmp_path}/mlflow.db"


@pytest.fixture
def history(runs):
    return read_history(runs[0] / "history.jsonl")


def epochs_in(uri):
    """Return state and, by metric, the steps and values of the only run of the training."""
    (run,) = children(uri)
    client = MlflowClient(uri)
    found = {
        name: [(m.step, m.value) for m in client.get_metric_history(run.info.run_id, name)]
        for name in run.data.metrics
    }
    return run.data.tags["calobatch.state"], found


def expected(history):
    return {
        f"epoch/{name}": [(epoch.epoch, getattr(epoch, name)) for epoch in history]
        for name in EPOCH_METRICS
    }


def test_each_epoch_is_there_once_it_has_ended(uri, scenario, history, tmp_path):
    live = Live(uri, scenario, tmp_path)
    live.write([(NAME, history[:0])])
    for epochs in (1, 2, 2, 3):
        live.write([(NAME, history[:epochs])])
        assert epochs_in(uri) == ("training", expected(history[:epochs]))


def test_another_process_goes_on_where_the_first_one_ended(uri, scenario, history, tmp_path):
    Live(uri, scenario, tmp_path).write([(NAME, history[:2])])
    Live(uri, scenario, tmp_path).write([(NAME, history)])
    assert epochs_in(uri) == ("training", expected(history))


def test_a_training_that_has_started_again_begins_anew(uri, scenario, history, tmp_path):
    live = Live(uri, scenario, tmp_path)
    live.write([(NAME, history[:2])])
    again = [epoch.model_copy(update={"time": epoch.time + 100}) for epoch in history[:1]]
    live.write([(NAME, again)])
    assert epochs_in(uri) == ("training", expected(again))


def test_the_first_view_of_the_page_shows_trainings_at_work(uri, scenario, history, tmp_path):
    Live(uri, scenario, tmp_path).write([(NAME, history)])
    client = MlflowClient(uri)
    experiments = [client.get_experiment_by_name("calobatch").experiment_id]
    assert [run.info.run_name for run in client.search_runs(experiments, FILTER)] == [str(NAME)]


def test_collect_leaves_what_it_would_have_left_without_it(
    uri, scenario, runs, history, tmp_path, monkeypatch
):
    alone = tmp_path / "alone"
    alone.mkdir()
    with monkeypatch.context() as patched:
        patched.chdir(alone)
        collect(scenario, runs, f"sqlite:///{alone}/mlflow.db", alone / "leaderboard.csv")
    Live(uri, scenario, tmp_path).write([(NAME, history[:2]), (RunName("crops", 2), history)])
    collect(scenario, runs, uri, tmp_path / "leaderboard.csv")
    assert content(uri, "calobatch") == content(f"sqlite:///{alone}/mlflow.db", "calobatch")


def test_a_store_that_is_away_is_one_message(scenario, history, tmp_path, monkeypatch):
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    live = Live("http://127.0.0.1:9", scenario, tmp_path)
    with pytest.raises(UserError, match=r"cannot use the MLflow store http://127\.0\.0\.1:9"):
        live.write([(NAME, history)])


@pytest.fixture
def at_work(tmp_path, monkeypatch, history):
    """A checkout in which the first training of the scenario `test` has ended three epochs."""
    for folder in ("config", "cluster"):
        shutil.copytree(CHECKOUT / folder, tmp_path / folder)
    folder = tmp_path / "results" / "test" / "electron_photon_cnn" / "seed1" / "checkpoint"
    folder.mkdir(parents=True)
    write_history(history, folder / "history.jsonl")
    monkeypatch.chdir(tmp_path)


def test_the_verb_writes_them_and_says_nothing_of_it(
    at_work, tmp_path, monkeypatch, history, capsys
):
    uri = f"sqlite:///{tmp_path}/mlflow.db"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    main(["watch", "test", "--once", "--mlflow"])
    assert "MLflow" not in capsys.readouterr().out
    (run,) = children(uri, "test/electron_photon_cnn/seed1")
    assert run.data.metrics["epoch/validation_auc"] == history[-1].validation_auc


def test_the_verb_shows_the_table_even_if_the_store_is_away(at_work, monkeypatch, capsys):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    main(["watch", "test", "--once", "--mlflow"])
    shown = " ".join(capsys.readouterr().out.split())
    assert "3 waiting, 1 training" in shown
    assert "MLflow gets no epochs: cannot use the MLflow store http://127.0.0.1:9" in shown
