"""The smallest scenario as a user of a cluster runs it: rules as jobs, and jobs in images."""

import csv
import json
import re

import pytest

from tests.checkout import Workflow
from tests.cluster.readme import commands
from tests.workflow.test_run import TASKS

RUN = commands()[-1]


@pytest.fixture(scope="module")
def finished_on_cluster(ready):
    """The testbed after a run, and what snakemake printed."""
    ready.shell("rm -rf data/test results/test mlflow.db mlruns")
    answer = ready.shell(RUN)
    return ready, answer.stdout + answer.stderr


def accounted(testbed):
    """Return state, number of nodes and resources of the finished jobs that SLURM lists, by job."""
    listed = testbed.shell(
        "sacct -X -n -P --starttime today -o jobid,state,nnodes,alloctres"
    ).stdout
    return {line.split("|")[0]: line.split("|")[1:] for line in listed.splitlines()}


def submitted(output):
    """Return the SLURM job and the rule of each job; the name of its log contains the rule."""
    return re.findall(r"SLURM jobid (\d+) \(log: \S*/rule_(\w+?)/", output)


def test_every_rule_instance_was_one_successful_job(finished_on_cluster):
    testbed, output = finished_on_cluster
    rules = [rule for _, rule in submitted(output)]
    expected = {"simulate": 4, "pack": 2, "train": 4, "evaluate": 4, "report": 1}
    assert {rule: rules.count(rule) for rule in set(rules)} == expected
    states = accounted(testbed)
    assert {states[job][0] for job, _ in submitted(output)} == {"COMPLETED"}


def test_every_job_ran_in_an_image(finished_on_cluster):
    """The head process's environment has neither torch nor h5py, so outside of an image every job
    would fail.
    """
    testbed, _ = finished_on_cluster
    answer = testbed.shell("python -c 'import torch'; python -c 'import h5py'", check=False)
    assert answer.stderr.count("ModuleNotFoundError") == 2


def test_the_predictions_are_the_same_as_those_of_a_run_on_this_machine(
    finished_on_cluster, finished: Workflow
):
    testbed, _ = finished_on_cluster
    for task in TASKS:
        name = f"results/test/{task}/seed1/predictions.parquet"
        assert (testbed.folder / name).read_bytes() == (finished.folder / name).read_bytes()


def test_the_leaderboard_and_the_report_are_written(finished_on_cluster):
    testbed, _ = finished_on_cluster
    with (testbed.folder / "results/test/leaderboard.csv").open() as file:
        assert {line["task"] for line in csv.DictReader(file)} == TASKS
    assert (testbed.folder / "results/test/report.html").stat().st_size > 100_000
    assert (testbed.folder / "mlflow.db").exists()


def test_the_run_record_names_the_nodes_of_the_ranks(finished_on_cluster):
    testbed, _ = finished_on_cluster
    record = json.loads(
        (testbed.folder / "results/test/quark_gluon_cnn/seed1/run.json").read_text()
    )
    assert set(record["hosts"]) <= {"c1", "c2"}


def test_a_second_run_has_nothing_to_do(finished_on_cluster):
    testbed, _ = finished_on_cluster
    answer = testbed.shell(RUN)
    assert "Nothing to be done" in answer.stdout + answer.stderr


def test_usage_lists_every_job_with_what_it_used(finished_on_cluster):
    testbed, output = finished_on_cluster
    testbed.shell("calobatch usage --scenario test --csv usage.csv")
    with (testbed.folder / "usage.csv").open(newline="") as file:
        lines = {line["job"]: line for line in csv.DictReader(file)}
    assert {job: line["rule"] for job, line in lines.items()} == dict(submitted(output))
    for line in lines.values():
        assert line["state"] == "COMPLETED"
        assert 0 < float(line["seconds"]) < float(line["seconds_requested"])
        # On a fast machine a job may end before SLURM has sampled its memory twice.
        if line["mb_per_node"] or line["rule"] == "train":
            assert 10 < float(line["mb_per_node"]) < float(line["mb_per_node_requested"])
