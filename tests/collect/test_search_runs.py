"""Trials are child runs of their search, and are no trainings to compare with others."""

import csv

import pytest
from mlflow.tracking import MlflowClient

from calobatch.collect.collect import collect
from calobatch.tracking.view import FILTER
from tests.collect.mlflow_content import all_runs, children, snapshot
from tests.searched import FAILED, with_search, write_search


@pytest.fixture(scope="module")
def searched(scenario, runs, tmp_path_factory):
    folder, found = tmp_path_factory.mktemp("mlflow"), with_search(scenario)
    write_search(found, folder)
    uri = f"sqlite:///{folder}/mlflow.db"
    with pytest.MonkeyPatch.context() as patched:
        patched.chdir(folder)  # artifacts lie beside the database
        collect(found, runs, uri, folder / "leaderboard.csv")
        before = snapshot(uri)
        collect(found, runs, uri, folder / "leaderboard.csv")
    return uri, folder, before


def test_each_trial_is_a_child_of_the_search_which_is_one_of_the_scenario(searched):
    uri = searched[0]
    (search,) = children(uri, "tests/crops/search")
    (scenario,) = children(uri, "tests")
    assert search.data.tags["mlflow.parentRunId"] == scenario.info.run_id
    assert search.data.params == {"learning_rate": "0.003", "optimizer": "adam"}
    assert search.data.metrics == {"search/validation_auc": pytest.approx(0.744)}
    assert search.data.tags["calobatch.winner"] == "3"
    assert search.data.tags["calobatch.search"] == "3 trials to 2 epochs, then 2 trials to 4 epochs"
    for number, epochs in ((1, 4), (2, 0), (3, 4)):
        (trial,) = children(uri, f"tests/crops/search/trial{number}")
        assert trial.info.run_name == f"crops trial {number}"
        assert trial.data.tags["mlflow.parentRunId"] == search.info.run_id
        assert trial.data.tags["calobatch.trial"] == str(number)
        assert trial.data.params["learning_rate"] == str(number / 1000)
        assert trial.data.params["seed"] == "0"
        history = MlflowClient(uri).get_metric_history(trial.info.run_id, "epoch/validation_auc")
        assert len(history) == epochs
    (failed,) = children(uri, "tests/crops/search/trial2")
    assert failed.data.tags["calobatch.failed"] == FAILED
    assert "search/validation_auc" not in failed.data.metrics


def test_trials_are_neither_in_the_leaderboard_nor_in_the_view_of_trainings(searched):
    uri, folder, _ = searched
    with (folder / "leaderboard.csv").open() as file:
        assert {(line["task"], line["seed"]) for line in csv.DictReader(file)} == {
            ("crops", "1"),
            ("crops", "2"),
        }
    client = MlflowClient(uri)
    experiments = [found.experiment_id for found in client.search_experiments()]
    names = {run.info.run_name for run in client.search_runs(experiments, FILTER)}
    assert names == {"crops seed 1", "crops seed 2"}
    for run in all_runs(client):
        if "trial" in run.info.run_name:
            assert not [name for name in run.data.metrics if name.startswith("test")]


def test_collecting_again_changes_nothing(searched):
    uri, _, before = searched
    assert snapshot(uri) == before
