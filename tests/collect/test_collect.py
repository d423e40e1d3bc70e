"""What MLflow and the leaderboard have after collect."""

import csv
import json
import os
import shutil
import subprocess
import sys
from dataclasses import replace
from hashlib import sha256

import pytest
from mlflow.tracking import MlflowClient

from calobatch.collect.collect import collect
from calobatch.collect.description import of_scenario
from calobatch.collect.tags import tag_of
from calobatch.config.dataset import SPLITS
from calobatch.errors import UserError
from calobatch.run.folder import read_run
from calobatch.run.history import read_history
from calobatch.run.leaderboard import COLUMNS
from calobatch.run.metrics import Metrics
from calobatch.run.training import RunRecord
from tests.collect.mlflow_content import all_runs, children


def test_one_parent_and_a_child_for_each_training(collected):
    uri, _ = collected
    found = all_runs(MlflowClient(uri))
    parents = [run for run in found if "mlflow.parentRunId" not in run.data.tags]
    assert [run.info.run_name for run in parents] == ["tests"]
    nested = [run for run in found if "mlflow.parentRunId" in run.data.tags]
    assert {run.data.tags["mlflow.parentRunId"] for run in nested} == {parents[0].info.run_id}
    assert sorted(r.info.run_name for r in nested) == ["crops seed 1", "crops seed 2"]
    assert {run.info.status for run in found} == {"FINISHED"}


def test_the_description_of_the_scenario_is_its_leaderboard(collected, runs):
    (parent,) = (r for r in all_runs(MlflowClient(collected[0])) if r.info.run_name == "tests")
    note = parent.data.tags["mlflow.note.content"]
    assert note.startswith("For the tests\n\n| task | run | test AUC |")
    aucs = [Metrics.read(run / "metrics.json").splits["test"].auc for run in runs]
    for seed, auc in enumerate(aucs, start=1):
        assert f"| crops | seed {seed} | {auc:.4f} (" in note
    assert f"| crops | mean of 2 | **{sum(aucs) / 2:.4f} ± " in note
    assert "| 0.7 (validation) |" in note
    assert parent.data.metrics == {"test_auc/crops": pytest.approx(sum(aucs) / 2)}


def test_the_description_of_a_training_is_its_model_card(collected, runs):
    note = children(collected[0])[0].data.tags["mlflow.note.content"]
    assert note == (runs[0] / "export/card.md").read_text()


def test_the_dataset_is_there_with_its_digest_and_events(collected, runs):
    run = children(collected[0])[0]
    (found,) = run.inputs.dataset_inputs
    record = RunRecord.read(runs[0] / "run.json")
    assert found.dataset.name == "electron_photon"
    assert record.dataset_sha256.startswith(found.dataset.digest)
    assert json.loads(found.dataset.profile)["num_rows"] == 200
    assert [tag.key for tag in found.tags] == ["mlflow.data.context"]


def test_a_description_that_is_too_long_for_mlflow_is_cut_after_a_line(scenario, runs):
    many = [
        replace(run, record=run.record.model_copy(update={"seed": seed}))
        for seed, run in enumerate([read_run(runs[0])] * 200)
    ]
    note = of_scenario(scenario, many)
    assert len(note) < 8_000
    assert note.endswith(" |\n\nleaderboard.csv has all lines.\n")


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
        logged = client.get_metric_history(run_id, f"epoch/{name}")
        assert [(m.step, m.timestamp, m.value) for m in logged] == [
            (epoch.epoch, round(epoch.time * 1000), getattr(epoch, name)) for epoch in history
        ]


def test_final_metrics_are_those_of_evaluate(collected, runs):
    logged = children(collected[0])[0].data.metrics
    for split, measured in Metrics.read(runs[0] / "metrics.json").splits.items():
        assert logged[f"{split}/auc"] == measured.auc
        assert logged[f"{split}/accuracy"] == measured.accuracy


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


def test_a_machine_without_git_gets_no_complaint_about_it(scenario, runs, tmp_path):
    """As in the images. The message is GitPython's, which MLflow imports."""
    code = (
        "import sys; from pathlib import Path; from calobatch.collect.collect import collect;"
        "from calobatch.config.scenario import Scenario;"
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
    assert "wrote 2 trainings" in answer.stdout
    assert "git" not in answer.stderr.lower()


def test_a_run_without_metrics_is_refused(scenario, runs, tmp_path):
    shutil.copytree(runs[0], tmp_path / "run")
    (tmp_path / "run" / "metrics.json").unlink()
    with pytest.raises(UserError, match=r"no metrics\.json; train and evaluate this run first"):
        collect(scenario, [tmp_path / "run"], "sqlite://", tmp_path / "leaderboard.csv")


def test_the_pictures_of_what_the_model_looks_at_are_there(collected):
    run = children(collected[0])[0]
    found = MlflowClient().list_artifacts(run.info.run_id, "interpretation")
    names = {file.path.removeprefix("interpretation/") for file in found}
    assert {"auc_in_bins.png", "confident.png", "occlusion.png", "interpretation.json"} <= names


def test_an_interpretation_that_was_made_later_is_added(scenario, runs, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    uri, board = f"sqlite:///{tmp_path}/mlflow.db", tmp_path / "leaderboard.csv"
    run = tmp_path / "crops" / runs[0].name
    shutil.copytree(runs[0], run, ignore=shutil.ignore_patterns("interpretation"))
    collect(scenario, [run], uri, board)
    (child,) = children(uri)
    client = MlflowClient(uri)
    assert client.list_artifacts(child.info.run_id, "interpretation") == []
    shutil.copytree(runs[0] / "interpretation", run / "interpretation")
    collect(scenario, [run], uri, board)
    (again,) = children(uri)
    assert again.info.run_id == child.info.run_id
    listed = client.list_artifacts(child.info.run_id, "interpretation")
    expected = {path.name for path in (run / "interpretation").iterdir()}
    assert {file.path.removeprefix("interpretation/") for file in listed} == expected
