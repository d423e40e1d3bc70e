"""The whole DAG, run for real on tiny data with 2 Horovod ranks, checked end to end."""

import csv
import json
import shutil
import sqlite3
import time
from contextlib import closing

import mlflow
import pyarrow.parquet as pq
import pytest
from mlflow.tracking import MlflowClient
from sklearn.metrics import accuracy_score, roc_auc_score

from tests.checkout import Workflow
from tests.workflow.test_dry_run import jobs

LOCAL = ("--profile", "cluster/local", "--config", "scenario=test")
TASKS = {
    "electron_photon_two_branch",
    "electron_photon_cnn",
    "electron_photon_vit",
    "quark_gluon_cnn",
}
ENSEMBLES = {"electron_photon_together"}
# AUCs of the training split, which has the most events. They mean nothing, but they must stay what
# they are. A different processor changes the last bits of each sum.
TRAIN_AUCS = {
    "electron_photon_two_branch": 0.5736,
    "electron_photon_cnn": 0.5942,
    "electron_photon_vit": 0.5000,
    "electron_photon_together": 0.5796,
    "quark_gluon_cnn": 0.7837,
}
BAND = 0.02
# The jobs that follow the training of a member of the ensemble.
AFTER_A_MEMBER = dict.fromkeys(("ensemble", "evaluate_ensemble", "collect", "report", "all"), 1)


@pytest.fixture(scope="module")
def leaderboard(finished):
    with (finished.folder / "results/test/leaderboard.csv").open() as file:
        return list(csv.DictReader(file))


def predictions_of(finished, line):
    folder = finished.folder / "results/test" / line["task"]
    if line["task"] in TASKS:
        folder /= f"seed{line['seed']}"
    table = pq.read_table(folder / "predictions.parquet").to_pandas()
    return table[table["split"] == line["split"]]


def test_the_leaderboard_has_every_task_and_split(leaderboard):
    assert {line["task"] for line in leaderboard} == TASKS | ENSEMBLES
    assert len(leaderboard) == 3 * len(TASKS | ENSEMBLES)
    assert {line["ranks"] for line in leaderboard} == {"2"}


def test_the_aucs_are_those_of_earlier_versions(leaderboard):
    found = {line["task"]: float(line["auc"]) for line in leaderboard if line["split"] == "train"}
    assert found == pytest.approx(TRAIN_AUCS, abs=BAND)


def test_the_leaderboard_can_be_recomputed_from_the_predictions(finished, leaderboard):
    for line in leaderboard:
        table = predictions_of(finished, line)
        assert len(table) == int(line["n_events"])
        assert roc_auc_score(table["label"], table["score"]) == pytest.approx(
            float(line["auc"]), abs=1e-6
        )
        assert accuracy_score(table["label"], table["score"] > 0.5) == pytest.approx(
            float(line["accuracy"]), abs=1e-6
        )
        assert float(line["auc_low"]) <= float(line["auc"]) <= float(line["auc_high"])


def test_every_event_of_the_store_was_scored_once(finished, leaderboard):
    for line in leaderboard:
        manifest = finished.folder / "data/test/packed" / line["dataset"] / "manifest.json"
        counts = json.loads(manifest.read_text())["counts"]
        assert sum(counts[line["split"]].values()) == int(line["n_events"])


def test_mlflow_holds_the_run_of_every_line(finished, leaderboard):
    uri = f"sqlite:///{finished.folder}/mlflow.db"
    client = MlflowClient(uri)
    for line in leaderboard:
        run = client.get_run(line["run_id"])
        member = f"seed{line['seed']}" if line["task"] in TASKS else "all"
        assert run.data.tags["calobatch.key"] == f"test/{line['task']}/{member}"
        assert run.data.metrics[f"{line['split']}/auc"] == pytest.approx(
            float(line["auc"]), abs=1e-6
        )
        if line["task"] in TASKS:
            assert run.data.params["communicator"] == "horovod"
            assert run.data.tags["calobatch.ranks"] == "2"
    parents = {
        client.get_run(line["run_id"]).data.tags["mlflow.parentRunId"] for line in leaderboard
    }
    assert len(parents) == 1


def test_mlflow_gives_back_the_models(finished, leaderboard):
    mlflow.set_tracking_uri(f"sqlite:///{finished.folder}/mlflow.db")
    for line in leaderboard:
        if line["split"] == "test" and line["task"] in TASKS:
            model = mlflow.pyfunc.load_model(f"runs:/{line['run_id']}/model")
            assert model.metadata.get_output_schema().input_names() == ["probabilities"]


def test_the_report_shows_every_task_and_says_that_data_are_simulated(finished):
    page = (finished.folder / "results/test/report.html").read_text()
    assert all(name in page for name in TASKS | ENSEMBLES)
    assert "simulated" in page.lower()


def test_a_second_run_has_nothing_to_do_and_says_so_in_seconds(finished):
    start = time.monotonic()
    answer = finished.snakemake(*LOCAL)
    assert "Nothing to be done" in answer.stdout + answer.stderr
    assert time.monotonic() - start < 30


def test_another_wording_of_a_command_repeats_nothing(finished):
    rule = finished.folder / "workflow/rules/train.smk"
    before = rule.read_text()
    rule.write_text(
        before.replace('"{resources.start} calobatch', '"true; {resources.start} calobatch')
    )
    assert rule.read_text() != before
    try:
        for profile in (("--profile", "cluster/local"), ()):
            answer = finished.snakemake("-n", *profile, "--config", "scenario=test")
            assert "Nothing to be done" in answer.stdout + answer.stderr
    finally:
        rule.write_text(before)


def test_a_copy_that_does_not_keep_times_trains_and_packs_nothing_again(finished, tmp_path):
    copy = Workflow(tmp_path)
    # The results first: they become older than what they were made from.
    for name in ("results", "data", ".snakemake"):
        shutil.copytree(finished.folder / name, copy.folder / name, copy_function=shutil.copyfile)
    answer = copy.snakemake("-n", *LOCAL)
    assert not {"simulate", "pack", "train"} & set(jobs(answer.stdout + answer.stderr))
    assert answer.stderr.count("so it is not made again") == 2 + 4


@pytest.mark.parametrize(
    ("file", "rule"),
    [
        ("model.safetensors", "train"),
        ("plots/roc.png", "evaluate"),
        ("export/card.md", "export"),
        ("interpretation/confident.png", "interpret"),
    ],
)
def test_a_file_of_a_run_that_was_deleted_is_made_again(finished, file, rule):
    path = finished.folder / "results/test/electron_photon_cnn/seed1" / file
    path.rename(path.with_suffix(".away"))
    try:
        planned = jobs(finished.snakemake("-n", *LOCAL).stdout)
    finally:
        path.with_suffix(".away").rename(path)
    assert planned[rule] == 1


def test_one_hyperparameter_reruns_that_training_and_what_follows(finished):
    answer = finished.snakemake("-n", *LOCAL, "set=tasks.electron_photon_cnn.learning_rate=0.01")
    planned = jobs(answer.stdout + answer.stderr)
    training = dict.fromkeys(("train", "evaluate", "export", "interpret"), 1)
    assert planned == training | AFTER_A_MEMBER
    assert "results/test/electron_photon_cnn/seed1/run.json" in answer.stdout + answer.stderr


def test_another_seed_adds_its_own_runs_only(finished):
    answer = finished.snakemake("-n", *LOCAL, "set=seeds=[1,2]")
    planned = jobs(answer.stdout + answer.stderr)
    trainings = dict.fromkeys(("train", "evaluate", "export", "interpret"), 4)
    assert planned == trainings | AFTER_A_MEMBER


def test_snakemakes_own_report_can_be_made(finished):
    finished.snakemake(*LOCAL, "--report", "snakemake_report.html")
    page = (finished.folder / "snakemake_report.html").read_text()
    assert "electron_photon_vit" in page


def test_every_rule_left_a_log_of_its_own_name(finished):
    logs = finished.folder / "logs/test"
    names = {path.relative_to(logs).parts[0].removesuffix(".log") for path in logs.rglob("*.log")}
    of_trainings = {"simulate", "pack", "train", "evaluate", "export", "interpret"}
    assert names == of_trainings | AFTER_A_MEMBER.keys() - {"all"}


def test_a_store_that_was_removed_is_filled_again(finished):
    """Last, because the runs of the leaderboard get other ids."""
    (finished.folder / "mlflow.db").unlink()
    answer = finished.snakemake("-n", *LOCAL)
    assert jobs(answer.stdout + answer.stderr) == {"collect": 1, "report": 1, "all": 1}
    assert not (finished.folder / "mlflow.db").exists()
    finished.snakemake(*LOCAL)
    # Not with MLflow's client: within a process it keeps the file that was removed open.
    with closing(sqlite3.connect(finished.folder / "mlflow.db")) as store:
        stored = {run_id for (run_id,) in store.execute("SELECT run_uuid FROM runs")}
    with (finished.folder / "results/test/leaderboard.csv").open() as file:
        named = {line["run_id"] for line in csv.DictReader(file)}
    assert len(named) == len(TASKS | ENSEMBLES)
    assert named < stored
    answer = finished.snakemake(*LOCAL)
    assert "Nothing to be done" in answer.stdout + answer.stderr
