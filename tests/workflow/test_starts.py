"""Trainings of a scenario that start from the weights of others."""

import pytest

from calobatch.errors import UserError
from calobatch.workflow.scenario import read_scenario
from calobatch.workflow.starts import start_files
from tests.checkout import Workflow

TASK = "tasks.electron_photon_cnn"
TUNED = """title: One training, then another that starts from it
datasets:
  electron_photon: {source: simulate, events: 400}
tasks:
  electron_photon_cnn:
  tuned: {like: electron_photon_cnn, start_from: results/tuned/electron_photon_cnn/seed1}
"""


@pytest.fixture(scope="module")
def fresh(tmp_path_factory):
    workflow = Workflow(tmp_path_factory.mktemp("starts"))
    (workflow.folder / "config/tuned.yaml").write_text(TUNED)
    return workflow


@pytest.fixture(autouse=True)
def in_the_checkout(fresh, monkeypatch):
    monkeypatch.chdir(fresh.folder)


def test_a_training_waits_for_the_one_that_it_starts_from(fresh):
    plan = fresh.snakemake("-n", "--config", "scenario=tuned").stdout
    (job,) = [job for job in plan.split("\n\n") if "output: results/tuned/tuned/" in job
              and "rule train" in job]  # fmt: skip
    assert "results/tuned/electron_photon_cnn/seed1/model.safetensors" in job


def test_a_run_in_mlflow_is_taken_from_there_first():
    with pytest.raises(UserError, match=r"run `calobatch download runs:/12ab --output data/starts"):
        read_scenario("test", f"{TASK}.start_from=runs:/12ab")


def test_a_run_of_another_scenario_must_have_finished(fresh):
    change = f"{TASK}.start_from=results/old/task/seed1"
    with pytest.raises(UserError, match=r"start_from: results/old/task/seed1 has no model.safet"):
        read_scenario("test", change)
    run = fresh.folder / "results/old/task/seed1"
    run.mkdir(parents=True)
    for name in ("model.safetensors", "run.json"):
        (run / name).touch()
    scenario = read_scenario("test", change)
    assert start_files(scenario, "electron_photon_cnn") == [
        "results/old/task/seed1/model.safetensors",
        "results/old/task/seed1/run.json",
    ]


def test_a_training_that_starts_from_itself_is_refused():
    change = f"{TASK}.start_from=results/test/electron_photon_cnn/seed1"
    with pytest.raises(UserError, match="is a run of this task itself; name another run"):
        read_scenario("test", change)
