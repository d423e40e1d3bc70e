"""A cluster without a network runs a whole scenario from the offline bundle.

The bundle is made on the login node, with the images and the wheels of the fixture `ready`. Then
the nodes lose their route to everything but each other, and the README's last two commands run word
for word in the folder that the bundle was installed to.
"""

import csv
import json
import re
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from tests.checkout import Workflow
from tests.cluster.readme import commands
from tests.cluster.testbed import PROFILE, SITE, wait_until
from tests.workflow.test_run import ENSEMBLES, TASKS

NODES = ("login", "c1", "c2")
DOCTOR, RUN = commands()[-2:]
# A training on jets. Those on crops are compared in test_faults.py.
COMPARED = "results/test/quark_gluon_cnn/seed1/predictions.parquet"


def at(folder: str | Path, command: str) -> str:
    """Return a command that runs in another folder, without the environment of the checkout."""
    return f"deactivate; cd {folder} && {command}"


@pytest.fixture(scope="module")
def on_this_machine(tmp_path_factory):
    """A function that returns the folder of a training of the scenario on this machine.

    It goes on beside those on the cluster.
    """
    workflow = Workflow(tmp_path_factory.mktemp("on_this_machine"))
    command = ("--profile", "cluster/local", "--config", "scenario=test", "--")
    with ThreadPoolExecutor(1) as pool:
        run = pool.submit(workflow.snakemake, *command, COMPARED, timeout=1800)

        def folder():
            run.result()
            return workflow.folder

        yield folder


@pytest.fixture(scope="module")
def bundle(ready, repository, on_this_machine):
    """The folder of a bundle that `make bundle` made in a clone."""
    ready.shell(at("~", f"rm -rf origin bundle && git clone --quiet {repository} origin"))
    ready.shell("mkdir -p ~/origin/.cache && ln -s $PWD/.cache/wheelhouse ~/origin/.cache")
    ready.shell("ln -s $PWD/containers/images ~/origin/containers/images")
    # With the environment of the checkout, so that the clone needs none of its own.
    ready.shell("cd ~/origin && make bundle TO=~/bundle")
    yield "~/bundle"
    ready.shell("rm -rf ~/origin ~/bundle")


@pytest.fixture(scope="module")
def offline(ready, bundle):
    """The testbed without a network beyond its own nodes."""
    routes = {node: ready.node(node, "exec", "ip", "route", "show", "default") for node in NODES}
    for node in NODES:
        ready.node(node, "exec", "ip", "route", "delete", "default")
    yield ready
    for node, route in routes.items():
        ready.node(node, "exec", "ip", "route", "add", *route.split())


class Installed:
    """The folder that the bundle was installed to, and commands there as the user."""

    def __init__(self, testbed, folder):
        self.testbed, self.folder = testbed, folder

    def shell(self, command, check=True):
        return self.testbed.shell(
            at(self.folder, f"source .venv/bin/activate && {command}"), check=check
        )


@pytest.fixture(scope="module")
def installed(offline, bundle):
    folder = offline.folder / ".cache/from_bundle"
    offline.shell(at("~", f"rm -rf {folder} && {bundle}/install {folder}"))
    offline.shell(at(folder, f"cat >cluster/slurm/site.yaml <<'END'\n{SITE}END\n"))
    # Snakemake looks at its jobs as early as in the other tests.
    offline.shell(f"cp {offline.folder / PROFILE} {folder}/{PROFILE}")
    yield Installed(offline, folder)
    offline.shell(f"rm -rf {folder}")


@pytest.fixture(scope="module")
def finished_on_cluster(installed):
    """The folder after a run, and what snakemake printed."""
    installed.shell(DOCTOR)
    answer = installed.shell(RUN)
    return installed, answer.stdout + answer.stderr


def test_the_nodes_reach_nothing_but_each_other(offline):
    """192.0.2.1 is an address for documentation, to which every other machine has a route."""
    for node in NODES:
        with pytest.raises(AssertionError, match="unreachable"):
            offline.node(node, "exec", "ip", "route", "get", "192.0.2.1")


def accounted(place):
    """Return state, number of nodes and resources of the finished jobs that SLURM lists, by job."""
    listed = place.shell("sacct -X -n -P --starttime today -o jobid,state,nnodes,alloctres").stdout
    return {line.split("|")[0]: line.split("|")[1:] for line in listed.splitlines()}


def submitted(output):
    """Return the SLURM job and the rule of each job; the name of its log contains the rule."""
    return re.findall(r"SLURM jobid (\d+) \(log: \S*/rule_(\w+?)/", output)


def test_every_rule_instance_was_one_successful_job(finished_on_cluster):
    place, output = finished_on_cluster
    rules = [rule for _, rule in submitted(output)]
    expected = {"simulate": 4, "pack": 2, "train": 4, "evaluate": 4, "export": 4, "interpret": 4,
                "report": 1}  # fmt: skip
    expected |= dict.fromkeys(("ensemble", "evaluate_ensemble"), 1)
    assert {rule: rules.count(rule) for rule in set(rules)} == expected
    states = accounted(place)
    assert {states[job][0] for job, _ in submitted(output)} == {"COMPLETED"}


def test_every_job_ran_in_an_image(finished_on_cluster):
    """The head process's environment has neither torch nor h5py, so outside of an image every job
    would fail.
    """
    place, _ = finished_on_cluster
    answer = place.shell("python -c 'import torch'; python -c 'import h5py'", check=False)
    assert answer.stderr.count("ModuleNotFoundError") == 2


def test_the_predictions_are_the_same_as_those_of_a_run_on_this_machine(
    finished_on_cluster, on_this_machine
):
    place, _ = finished_on_cluster
    here = on_this_machine()
    assert (place.folder / COMPARED).read_bytes() == (here / COMPARED).read_bytes()


def test_the_leaderboard_and_the_report_are_written(finished_on_cluster):
    place, _ = finished_on_cluster
    with (place.folder / "results/test/leaderboard.csv").open() as file:
        assert {line["task"] for line in csv.DictReader(file)} == TASKS | ENSEMBLES
    assert (place.folder / "results/test/report.html").stat().st_size > 100_000
    assert (place.folder / "mlflow.db").exists()


def test_the_run_record_names_the_nodes_of_the_ranks(finished_on_cluster):
    place, _ = finished_on_cluster
    record = json.loads((place.folder / "results/test/quark_gluon_cnn/seed1/run.json").read_text())
    assert set(record["hosts"]) <= {"c1", "c2"}


def test_the_run_record_has_what_slurm_allocated_to_the_job(finished_on_cluster):
    place, _ = finished_on_cluster
    record = json.loads((place.folder / "results/test/quark_gluon_cnn/seed1/run.json").read_text())
    allocated, used = record["provenance"]["allocated"], record["throughput"]
    assert allocated["nodes"] * allocated["cores"] >= record["ranks"]
    assert 0 < record["finished"] - allocated["started"] < allocated["seconds"]
    assert used["peak_memory_mb"] < allocated["memory_mb"]


def test_a_second_run_has_nothing_to_do(finished_on_cluster):
    place, _ = finished_on_cluster
    answer = place.shell(RUN)
    assert "Nothing to be done" in answer.stdout + answer.stderr


def test_predict_scores_raw_files_in_a_job(finished_on_cluster):
    place, _ = finished_on_cluster
    run, raw = "results/test/electron_photon_cnn/seed1", "data/test/raw/electron_photon/*"
    place.shell(f"calobatch predict {run} {raw} --output scores.parquet --submit")
    output = place.folder / "scores.parquet"
    wait_until(output.exists, output)
    of_job, of_training = (
        np.sort(pq.read_table(file, columns=["score"])["score"])
        for file in (output, place.folder / run / "predictions.parquet")
    )
    np.testing.assert_allclose(of_job, of_training, atol=1e-6)


def test_usage_lists_every_job_with_what_it_used(finished_on_cluster):
    place, output = finished_on_cluster
    place.shell("calobatch usage --scenario test --csv usage.csv")
    with (place.folder / "usage.csv").open(newline="") as file:
        lines = {line["job"]: line for line in csv.DictReader(file)}
    assert {job: line["rule"] for job, line in lines.items()} == dict(submitted(output))
    for line in lines.values():
        assert line["state"] == "COMPLETED"
        assert 0 < float(line["seconds"]) < float(line["seconds_requested"])
        # On a fast machine a job may end before SLURM has sampled its memory twice.
        if line["mb_per_node"] or line["rule"] == "train":
            assert 10 < float(line["mb_per_node"]) < float(line["mb_per_node_requested"])
