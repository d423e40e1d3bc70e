"""Trainings that predict together, from their own predictions to every place that shows results."""

import json
import shutil
from datetime import date

import numpy as np
import pyarrow.parquet as pq
import pytest
from mlflow.tracking import MlflowClient

from calobatch.collect.collect import collect
from calobatch.compare.compare import compare, described
from calobatch.ensemble.ensemble import ensemble
from calobatch.ensemble.temperature import fit_temperature
from calobatch.errors import UserError
from calobatch.evaluate.evaluate import evaluate
from calobatch.publish.citation import Author
from calobatch.publish.publish import publish
from calobatch.report.report import report
from calobatch.run.auc import auc
from calobatch.run.ensemble import complete_ensembles
from calobatch.run.files import PLOTS_OF_ENSEMBLE, plots_in
from calobatch.run.folder import read_run
from calobatch.run.leaderboard import format_leaderboard, read_leaderboard
from calobatch.run.metrics import Metrics
from calobatch.run.predictions import read_predictions
from calobatch.run.predictor import EnsembleRecord
from calobatch.run.temperature import at_temperature
from calobatch.words import p_value, with_error
from tests.trained_scenario import runs, scenario

__all__ = ["runs", "scenario"]


@pytest.fixture(scope="module")
def together(scenario):
    """The scenario with an ensemble of both trainings."""
    members = {"members": ["crops"], "title": "Two of them"}
    return type(scenario).model_validate(scenario.model_dump() | {"ensembles": {"both": members}})


@pytest.fixture(scope="module")
def results(runs, tmp_path_factory):
    """The folder of the results: the trainings, and their evaluated ensemble."""
    folder = tmp_path_factory.mktemp("results")
    for run in runs:
        shutil.copytree(run, folder / "crops" / run.name)
    members = [folder / "crops" / run.name for run in runs]
    ensemble("both", members, folder / "both")
    evaluate(folder / "both")
    return folder


@pytest.fixture(scope="module")
def members(results):
    return [read_run(folder) for folder in sorted((results / "crops").iterdir())]


@pytest.fixture
def collected(results, together, members, tmp_path, monkeypatch):
    """The leaderboard of the results and the address of MLflow's store."""
    monkeypatch.chdir(tmp_path)
    uri = f"sqlite:///{tmp_path}/mlflow.db"
    board = results / "leaderboard.csv"
    collect(together, [run.folder for run in members], uri, board)
    return board, uri


def test_the_scores_are_the_mean_at_the_temperature_of_the_validation_split(results, members):
    of_members = [read_predictions(run.file("predictions.parquet")) for run in members]
    of_both = read_predictions(results / "both" / "predictions.parquet")
    mean = {
        split: np.mean([found[split].score.astype(float) for found in of_members], axis=0)
        for split in of_both
    }
    record = EnsembleRecord.read(results / "both" / "ensemble.json")
    label = of_both["validation"].label
    assert record.temperature == fit_temperature(label, mean["validation"]).value
    for split, found in of_both.items():
        assert np.array_equal(found.label, of_members[0][split].label)
        expected = at_temperature(mean[split], record.temperature)
        assert found.score == pytest.approx(expected, abs=1e-6)
    assert record.log_losses[1] <= record.log_losses[0]


def test_evaluate_writes_its_metrics_and_all_plots_but_a_history(results):
    metrics = Metrics.read(results / "both" / "metrics.json")
    assert (metrics.task, metrics.seed) == ("both", None)
    assert sorted(path.stem for path in plots_in(results / "both")) == sorted(PLOTS_OF_ENSEMBLE)


def test_it_is_compared_with_every_training_of_a_task(results, members):
    found = compare(results / "crops", results / "both")
    test = read_predictions(results / "both" / "predictions.parquet")["test"]
    aucs = [read_predictions(run.file("predictions.parquet"))["test"] for run in members]
    mean = np.mean([auc(of_run.label, of_run.score) for of_run in aucs])
    assert found.difference == pytest.approx(auc(test.label, test.score) - mean)
    text = described(found)
    assert f"{auc(test.label, test.score):.4f} (ensemble of 2 trainings)" in text
    assert "Differences, A → B: both is the mean of crops/seed1, crops/seed2." in text
    same = compare(results / "both", results / "both")
    assert (same.difference, same.p) == (0, 1)


def test_the_leaderboard_has_its_lines_after_those_of_the_trainings(results, collected, members):
    board, _ = collected
    lines = read_leaderboard(board)
    of_both = [line for line in lines if line.task == "both"]
    assert lines[-3:] == of_both
    metrics = Metrics.read(results / "both" / "metrics.json")
    assert [line.split for line in of_both] == list(metrics.splits)
    for line in of_both:
        assert (line.seed, line.fold, line.model) == ("all", None, "ensemble")
        assert line.auc == pytest.approx(metrics.splits[line.split].auc, abs=1e-6)
        assert line.parameters == sum(run.record.parameters for run in members)
    assert "both" in format_leaderboard(board)


def test_mlflow_has_it_once_beside_its_members(together, members, collected):
    board, uri = collected
    collect(together, [run.folder for run in members], uri, board)
    client = MlflowClient(uri)
    experiment = client.get_experiment_by_name("calobatch")
    found = client.search_runs([experiment.experiment_id], "tags.`calobatch.task` = 'both'")
    (run,) = found
    line = next(line for line in read_leaderboard(board) if line.task == "both")
    assert run.info.run_id == line.run_id
    parents = {child.data.tags["mlflow.parentRunId"] for child in client.search_runs(
        [experiment.experiment_id], "tags.`calobatch.task` != ''")}  # fmt: skip
    assert parents == {run.data.tags["mlflow.parentRunId"]}
    artifacts = {file.path for file in client.list_artifacts(run.info.run_id)}
    assert artifacts == {"ensemble.json", "metrics.json", "predictions.parquet", "plots"}


def test_the_report_has_its_row_and_its_temperature(results, together, members, collected, runs):
    board, _ = collected
    page = results / "report.html"
    folders = [run.folder for run in members]
    report(together, folders, [runs[0].parents[1] / "store"], board, page)
    text = page.read_text()
    record = EnsembleRecord.read(results / "both" / "ensemble.json")
    test_auc = Metrics.read(results / "both" / "metrics.json").splits["test"].auc
    assert "mean of 2 trainings of crops" in text
    p = compare(results / "crops", results / "both").p
    words = f"than crops, the best task of its dataset ({p_value(p)})"
    assert f"significantly better {words}" in text.replace("worse", "better")
    words = with_error(record.temperature, record.temperature_error)
    assert f"temperature of {words}" in text
    assert f"<b>{test_auc:.4f}</b>" in text
    assert "Confusion matrix of both" in text


def test_the_published_folder_has_its_files(results, together, collected, tmp_path):
    board, _ = collected
    (results / "report.html").touch()
    publish(
        together, results, board, tmp_path / "published", authors=[Author("Ada")],
        licence="CC-BY-4.0", today=date(2026, 1, 1),
    )  # fmt: skip
    for name in ("ensemble.json", "predictions.parquet", "metrics.json", "plots/roc.png"):
        copy = tmp_path / "published" / "runs" / "both" / name
        assert copy.read_bytes() == (results / "both" / name).read_bytes()


@pytest.fixture
def copied(results, tmp_path):
    return shutil.copytree(results, tmp_path / "results")


def test_it_is_left_out_until_a_member_that_was_trained_again_is_in_it(copied, together):
    folders = sorted((copied / "crops").iterdir())
    found = complete_ensembles(together, [read_run(folder) for folder in folders], copied)
    assert [ensemble.record.name for ensemble in found] == ["both"]
    path = copied / "crops" / "seed1" / "predictions.parquet"
    shutil.copy(copied / "crops" / "seed2" / "predictions.parquet", path)
    record = (copied / "crops" / "seed2" / "run.json").read_text()
    (copied / "crops" / "seed1" / "run.json").write_text(record)
    shutil.copy(folders[1] / "history.jsonl", folders[0])
    runs = [read_run(folder) for folder in folders]
    assert complete_ensembles(together, runs, copied) == []


def test_metrics_of_an_earlier_ensemble_are_not_those_of_a_new_one(copied, together):
    folders = sorted((copied / "crops").iterdir())
    runs = [read_run(folder) for folder in folders]
    (before,) = complete_ensembles(together, runs, copied)
    known = before.fingerprint
    ensemble("both", folders, copied / "both")
    assert complete_ensembles(together, runs, copied) == []
    evaluate(copied / "both")
    (after,) = complete_ensembles(together, runs, copied)
    assert after.fingerprint == known


def test_a_changed_prediction_is_refused(copied):
    path = copied / "both" / "predictions.parquet"
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    with pytest.raises(UserError, match=r"changed after it was written.*run `calobatch ensemble`"):
        evaluate(copied / "both")


def test_trainings_on_different_events_are_refused(copied, tmp_path):
    path = copied / "crops" / "seed2" / "predictions.parquet"
    pq.write_table(pq.read_table(path).slice(1), path)
    record = copied / "crops" / "seed2" / "run.json"
    # As an older version wrote it, without checksums.
    content = json.loads(record.read_text())
    del content["files"], content["content_sha256"]
    record.write_text(json.dumps(content))
    members = sorted((copied / "crops").iterdir())
    with pytest.raises(UserError, match="predictions of different events"):
        ensemble("both", members, tmp_path / "both")
    assert not (tmp_path / "both").exists()


def test_a_member_that_has_not_finished_is_named(copied, tmp_path):
    (copied / "crops" / "seed2" / "run.json").unlink()
    with pytest.raises(UserError, match=r"seed2/run\.json"):
        ensemble("both", sorted((copied / "crops").iterdir()), tmp_path / "both")
