"""A task with folds, from its raw file to leaderboard, MLflow and report."""

import statistics

import numpy as np
import pyarrow.parquet as pq
import pytest
from mlflow.tracking import MlflowClient

from calobatch.collect.collect import collect
from calobatch.config.scenario import Scenario
from calobatch.errors import UserError
from calobatch.evaluate.evaluate import evaluate
from calobatch.export.export import export
from calobatch.pack.pack import pack
from calobatch.report.report import report
from calobatch.run.leaderboard import format_leaderboard, read_leaderboard
from calobatch.run.metrics import Metrics
from calobatch.run.name import RunName, counted, read_member, runs_of
from calobatch.run.predictions import read_predictions
from calobatch.run.training import RunRecord
from calobatch.train.train import train
from tests.formats import npz
from tests.trained import JETS, SETTINGS, sizes

TASK = {"title": "Jets", "dataset": "jets", **SETTINGS.model_dump(exclude_defaults=True)}
SCENARIO = Scenario.model_validate(
    {
        "name": "folded",
        "title": "Folds",
        "datasets": {"jets": {"source": "files", "files": "jets.npz", "split": {"folds": 3}}},
        "tasks": {"task": TASK},
    }
)
RUNS = [name.folder for name in runs_of(SCENARIO)]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A packed store of 150 jets in three folds, and the exported runs of two epochs of each."""
    folder = tmp_path_factory.mktemp("folded")
    events = sizes(JETS, [0, 1] * 75, seed=6)
    scalars = {s.name: events.scalars_BS[:, i] for i, s in enumerate(JETS.scalars)}
    raw = npz(folder / "jets.npz", {"X_jets": events.image_BCHW, "y": events.label, **scalars})
    split = SCENARIO.datasets["jets"].split
    pack("jets", JETS, [raw], folder / "store", split=split, zero_below=0)
    for name in runs_of(SCENARIO):
        run = folder / name.folder
        train("task", SETTINGS, name.seed, folder / "store", run, fold=name.fold)
        evaluate(run)
        export(run, folder / "store")
    return folder


@pytest.fixture(scope="module")
def collected(folder):
    uri = f"sqlite:///{folder}/mlflow.db"
    with pytest.MonkeyPatch.context() as patched:
        patched.chdir(folder)
        collect(SCENARIO, [folder / run for run in RUNS], uri, folder / "leaderboard.csv")
    return uri


def fold_tests(folder):
    return [Metrics.read(folder / run / "metrics.json").splits["test"] for run in RUNS]


def test_each_fold_is_a_run_of_its_own(folder):
    assert RUNS == ["task/fold1_seed1", "task/fold2_seed1", "task/fold3_seed1"]
    records = [RunRecord.read(folder / run / "run.json") for run in RUNS]
    assert [record.fold for record in records] == [1, 2, 3]
    assert len({record.identity for record in records}) == 3
    assert len({record.dataset_sha256 for record in records}) == 1
    assert "task, fold 2, seed 1" in (folder / RUNS[1] / "export/card.md").read_text()


def test_scalars_are_scaled_with_the_training_events_of_the_fold(folder):
    records = [RunRecord.read(folder / run / "run.json") for run in RUNS]
    assert len({record.preparation.scalars for record in records}) == 3


def test_every_event_has_one_prediction_by_the_fold_that_was_not_trained_on_it(folder, collected):
    table = pq.read_table(folder / "task/out_of_fold_seed1.parquet")
    assert table.column_names == ["event", "fold", "label", "score"]
    assert table["event"].to_pylist() == list(range(150))
    for fold, run in enumerate(RUNS, start=1):
        of_fold = table["score"].to_numpy()[table["fold"].to_numpy() == fold]
        test = read_predictions(folder / run / "predictions.parquet")["test"]
        np.testing.assert_array_equal(of_fold, test.score)


def test_the_leaderboard_has_a_line_with_mean_and_spread(folder, collected):
    lines = read_leaderboard(folder / "leaderboard.csv")
    assert [line.fold for line in lines if line.split == "test"] == [1, 2, 3, "all"]
    (line,) = (line for line in lines if line.fold == "all")
    tests = fold_tests(folder)
    aucs = [test.auc for test in tests]
    assert line.auc == pytest.approx(statistics.mean(aucs), abs=1e-6)
    assert line.auc_std == pytest.approx(statistics.stdev(aucs), abs=1e-6)
    assert line.n_events == 150
    right = sum(test.accuracy * test.events for test in tests)
    assert line.accuracy == pytest.approx(right / 150, abs=1e-6)
    # An interval of three times as many events is shorter than that of one fold.
    widths = [test.auc_high - test.auc_low for test in tests]
    assert line.auc_low < line.auc < line.auc_high
    assert line.auc_high - line.auc_low == pytest.approx(np.linalg.norm(widths) / 3, rel=0.1)


def test_the_table_in_the_terminal_has_the_folds_and_their_mean(folder, collected):
    table = format_leaderboard(folder / "leaderboard.csv").splitlines()
    assert table[0].split()[:4] == ["task", "seed", "fold", "split"]
    mean = statistics.mean(test.auc for test in fold_tests(folder))
    (row,) = (row for row in table if "mean of 3" in row and "  test " in row)
    assert f"{mean:.4f} ± " in row


def test_in_mlflow_the_folds_are_children_of_a_run_with_their_mean(folder, collected):
    client = MlflowClient(collected)
    lines = {(line.fold, line.split): line for line in read_leaderboard(folder / "leaderboard.csv")}
    parent = client.get_run(lines["all", "test"].run_id)
    assert parent.data.metrics["test/auc"] == pytest.approx(lines["all", "test"].auc, abs=1e-6)
    assert parent.data.metrics["test/auc_std"] > 0
    assert [a.path for a in client.list_artifacts(parent.info.run_id)] == [
        "out_of_fold_seed1.parquet"
    ]
    for fold in (1, 2, 3):
        child = client.get_run(lines[fold, "test"].run_id)
        assert child.data.tags["mlflow.parentRunId"] == parent.info.run_id
        assert child.data.params["fold"] == str(fold)
    scenario = client.get_run(parent.data.tags["mlflow.parentRunId"])
    assert scenario.info.run_name == "folded"


def test_collecting_again_changes_nothing(folder, collected, monkeypatch):
    monkeypatch.chdir(folder)
    client = MlflowClient(collected)
    experiment = client.get_experiment_by_name("calobatch").experiment_id
    before = (folder / "leaderboard.csv").read_text()
    count = len(client.search_runs([experiment]))
    collect(SCENARIO, [folder / run for run in RUNS], collected, folder / "leaderboard.csv")
    assert (folder / "leaderboard.csv").read_text() == before
    assert len(client.search_runs([experiment])) == count == 5


def test_without_one_of_the_folds_there_is_no_mean_over_all(folder, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    uri, leaderboard = f"sqlite:///{tmp_path}/mlflow.db", tmp_path / "leaderboard.csv"
    collect(SCENARIO, [folder / run for run in RUNS[:2]], uri, leaderboard)
    assert {line.fold for line in read_leaderboard(leaderboard)} == {1, 2}
    assert not list(tmp_path.rglob("out_of_fold*"))


def test_the_report_shows_the_mean_and_each_fold(folder, collected, tmp_path):
    page = tmp_path / "report.html"
    runs = [folder / run for run in RUNS]
    report(SCENARIO, runs, [folder / "store"], folder / "leaderboard.csv", page)
    text = page.read_text()
    mean = statistics.mean(test.auc for test in fold_tests(folder))
    assert "mean over 3 folds" in text
    assert f"{mean:.4f}" in text
    assert all(f"fold {fold}, seed 1" in text for fold in (1, 2, 3))
    assert "The events were divided into 3 parts" in text


def test_a_line_that_was_changed_is_found(folder, collected, tmp_path):
    text = (folder / "leaderboard.csv").read_text()
    (line,) = (line for line in text.splitlines() if ",all," in line)
    changed = tmp_path / "leaderboard.csv"
    changed.write_text(text.replace(line, line.replace(",150,", ",151,")))
    runs = [folder / run for run in RUNS]
    with pytest.raises(UserError, match="seed 1, fold all have different numbers"):
        report(SCENARIO, runs, [folder / "store"], changed, tmp_path / "report.html")


def test_a_run_of_another_fold_is_no_start(folder, tmp_path):
    settings = SETTINGS.model_copy(update={"start_from": str(folder / RUNS[0])})
    with pytest.raises(UserError, match="is a run of fold 1, which was trained on events that"):
        train("task", settings, 1, folder / "store", tmp_path, fold=2)


def test_what_a_mean_is_over_is_said_in_words():
    assert counted([RunName("t", seed) for seed in (1, 2)]) == "2 seeds"
    assert counted([RunName("t", 1, fold) for fold in (1, 2, 3)]) == "3 folds"
    assert counted([RunName("t", s, f) for s in (1, 2) for f in (1, 2, 3)]) == "3 folds and 2 seeds"
    assert str(RunName("t", 1, 2)) == "t fold 2 seed 1"


def test_the_name_of_a_folder_is_read_as_it_was_written():
    for name in (RunName("t", 1), RunName("t", 23, 4)):
        assert read_member("t", name.member) == name
    assert read_member("t", "seed1_fold2") is None
