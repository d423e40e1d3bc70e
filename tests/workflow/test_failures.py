"""A training that fails takes nothing away from the others, and the run says what failed."""

import csv
import json
import subprocess
from pathlib import Path

import pytest

from calobatch.workflow import failures
from calobatch.workflow.at_end import VARIABLE, Outcome
from calobatch.workflow.failures import Failure, end_of_run, failures_in
from tests.run.examples import scenario

DONE = subprocess.CompletedProcess([], 0)
OF_A_TRIAL = """Error in rule trial:
    jobid: 5
    log: logs/small/trial/crops/step1_2.log (check log file(s) for error details)
"""
SCENARIO = """title: One training fails
datasets: {electron_photon: {source: simulate, events: 200}}
all_tasks: {epochs: 1, batch_size: 32, device: cpu, ranks: 1, communicator: single}
tasks:
  electron_photon_two_branch: {learning_rate: 1.0e+30, epochs: 3}
  electron_photon_cnn: {}
seeds: [1]
"""
LOG = """Error in rule train:
    message: None
    jobid: 3
    input: data/x/packed/a/events.arrow
    output: results/x/one/seed1/run.json
    log: logs/x/train/one/seed1.log (check log file(s) for error details)
    shell:
        calobatch train one
        (command exited with non-zero exit code)

[Thu Nov 26 09:00:00 2026]
Error in rule pack:
    jobid: 4
    log: logs/x/pack/a.log, /x/.snakemake/slurm_logs/7.log (check log file(s) for error details)
    external_jobid: 7
"""


@pytest.mark.parametrize(
    ("log", "reason"),
    [
        ("calobatch train: first\nprogress\ncalobatch train: last\nmore\n", "last"),
        ("Killed\n\n", "Killed"),
        ("", ""),
    ],
)
def test_the_reason_is_the_last_message_of_the_job_s_log(tmp_path, log, reason):
    path = tmp_path / "logs/x/train/one"
    path.mkdir(parents=True)
    (path / "seed1.log").write_text(log)
    train, pack = failures_in(LOG, tmp_path)
    assert train == Failure("train", "logs/x/train/one/seed1.log", reason)
    assert train.training == "one/seed1"
    assert pack == Failure("pack", "logs/x/pack/a.log", "")


def test_a_job_that_was_tried_several_times_is_named_once():
    assert len(failures_in(LOG + LOG)) == 2


def test_a_trial_that_has_an_outcome_has_not_failed(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    small = scenario({})
    (tmp_path / "snakemake.log").write_text(OF_A_TRIAL)
    _, told = end_of_run(["snakemake.log"], small, [], [], [])
    (line,) = told
    assert line.startswith("trial of crops/step1_2 failed: its log says nothing")
    outcome = tmp_path / f"results/{small.name}/crops/search/step1/2.json"
    outcome.parent.mkdir(parents=True)
    outcome.touch()
    assert end_of_run(["snakemake.log"], small, [], [], []) == (Outcome.FAILED, [])


def test_the_trainings_that_wait_for_a_failed_search_are_named_with_its_reason(
    tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    small = scenario({})
    (tmp_path / "snakemake.log").write_text(OF_A_TRIAL)
    log = tmp_path / "logs/small/trial/crops/step1_2.log"
    log.parent.mkdir(parents=True)
    log.write_text("calobatch trial: no memory\n")
    results = tmp_path / "results" / small.name
    record = results / "crops/seed6/export/export.json"
    record.parent.mkdir(parents=True)
    record.touch()
    called = []
    monkeypatch.setattr(failures.subprocess, "run", lambda command: called.append(command) or DONE)
    left = [Path("results") / small.name / "crops/seed5"]
    end_of_run(["snakemake.log"], small, [], left, [])
    of_report = called[1]
    assert json.loads(of_report[of_report.index("--failed") + 1]) == {"crops/seed5": "no memory"}


def test_jobs_that_were_ended_on_request_have_not_failed(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    log = tmp_path / "snakemake.log"
    run = tmp_path / "results/x/one/seed1"
    request = "Terminating processes on user request"
    for ending, expected in (("", Outcome.FAILED), (request, Outcome.STOPPED)):
        log.write_text(LOG + ending)
        outcome, told = end_of_run([str(log)], scenario({}), [], [run], [])
        assert outcome is expected
        assert any(" failed: " in line for line in told) == (expected is Outcome.FAILED)


def test_a_failed_interpretation_is_told_unless_another_try_has_succeeded(tmp_path, monkeypatch):
    """It takes nothing away: its training is not among the unfinished ones."""
    monkeypatch.chdir(tmp_path)
    log = tmp_path / "snakemake.log"
    log.write_text(LOG.replace("/train/", "/interpret/").replace("rule train", "rule interpret"))
    given = scenario({})
    record = tmp_path / "results" / given.name / "one/seed1/interpretation/interpretation.json"
    for done in (False, True):
        if done:
            record.parent.mkdir(parents=True)
            record.write_text("{}")
        _, told = end_of_run([str(log)], given, [], [], [])
        assert any(line.startswith("interpret of one/seed1 failed") for line in told) != done


def test_what_has_finished_is_collected_and_reported_and_what_failed_is_named(fresh, monkeypatch):
    message = fresh.folder / "message"
    monkeypatch.setenv(VARIABLE, f'(echo "$CALOBATCH_SCENARIO $CALOBATCH_OUTCOME"; cat) >{message}')
    (fresh.folder / "config/one_fails.yaml").write_text(SCENARIO)
    answer = fresh.snakemake(
        "--profile", "cluster/local", "--config", "scenario=one_fails", check=False
    )
    assert answer.returncode
    said = answer.stderr + answer.stdout
    reason = "electron_photon_two_branch seed 1: the loss is not finite in epoch 1"
    assert f"calobatch: train of electron_photon_two_branch/seed1 failed: {reason}" in said
    assert "calobatch: 1 of 2 trainings have finished" in said
    first, *lines = message.read_text().splitlines()
    assert first == "one_fails failed"
    assert [f"calobatch: {line}" in said for line in lines] == [True, True]
    results = fresh.folder / "results/one_fails"
    with (results / "leaderboard.csv").open() as file:
        assert {line["task"] for line in csv.DictReader(file)} == {"electron_photon_cnn"}
    page = (results / "report.html").read_text()
    assert "1 training failed" in page
    assert reason in page
    assert (fresh.folder / "mlflow.db").exists()
    # Nothing of this counts as done: once the training works, all results are written again.
    correct = ("set=tasks.electron_photon_two_branch.learning_rate=0.001",)
    fresh.snakemake("--profile", "cluster/local", "--config", "scenario=one_fails", *correct)
    assert message.read_text().startswith("one_fails finished\nAll 2 trainings have finished")
    with (results / "leaderboard.csv").open() as file:
        assert len({line["task"] for line in csv.DictReader(file)}) == 2
    assert "training failed" not in (results / "report.html").read_text()
