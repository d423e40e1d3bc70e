"""The head process on a cluster: two in one folder, a job that its user cancels, SLURM away."""

import json
import re
import shutil

import pytest

from tests.checkout import CHECKOUT
from tests.cluster.own_crops import DATASET
from tests.cluster.testbed import wait_until

SCENARIO = f"""title: Head processes
datasets:
  electron_photon: {DATASET}
tasks:
  electron_photon_cnn:
    {{model: slow_dropout, model_options: {{seconds: 0.2}}, epochs: 6, batch_size: 16, device: cpu}}
"""
# With less memory than the default, several trainings run at the same time.
RUN = (
    "snakemake --profile slurm"
    " --set-resources train:mem_mb_per_cpu=1500 --config scenario={} >{}.log 2>&1"
)
SCENARIOS = ("cancelled", "beside")


@pytest.fixture(scope="module")
def heads(ready):
    """The testbed with two scenarios, and without anything that they or others have written."""
    for name in SCENARIOS:
        ready.write(f"config/{name}.yaml", SCENARIO)
    ready.write_crops()
    model = CHECKOUT / "tests/train/slow_dropout.py"
    ready.write("src/calobatch/models/slow_dropout.py", model.read_text())
    ready.shell(f"rm -rf mlflow.db* mlruns results/{{{','.join(SCENARIOS)}}}")
    yield ready
    for daemon in ("slurmdbd", "slurmctld"):
        ready.start_daemon(daemon)
    ready.shell("scancel --user physicist", check=False)
    shutil.rmtree(ready.folder / ".snakemake/calobatch_heads", ignore_errors=True)


def printed(testbed, scenario):
    return (testbed.folder / f"{scenario}.log").read_text()


def entry(testbed, scenario):
    """Return the entry of a scenario's head process, or None."""
    path = testbed.folder / f".snakemake/calobatch_heads/{scenario}.json"
    return json.loads(path.read_text()) if path.exists() else None


def training_of(testbed, scenario):
    """Return the running training that the head process of a scenario submitted, or None."""
    head = entry(testbed, scenario)
    assert head, printed(testbed, scenario)
    command = f"squeue --me --noheader --states=RUNNING --name={head['run']} --format='%i|%k'"
    listed = testbed.shell(command).stdout.splitlines()
    return next((line.split("|")[0] for line in listed if "|rule_train" in line), None)


def submissions(testbed, scenario):
    return len(re.findall(r"SLURM jobid \d+ \(log: \S*/rule_train/", printed(testbed, scenario)))


def test_two_scenarios_at_once_and_a_cancelled_training(heads):
    """Both write to a new mlflow.db, and a third one, of the first one's scenario, is refused.

    The user has set variables that hide all jobs from squeue.
    """
    first, second = (
        heads.start(
            f"export SQUEUE_STATES=SUSPENDED SQUEUE_PARTITION=low; {RUN.format(name, name)}"
        )
        for name in SCENARIOS
    )
    for name in SCENARIOS:
        wait_until(lambda name=name: entry(heads, name), f"the head process of {name}")
    third = heads.shell("snakemake --profile slurm --config scenario=cancelled", check=False)
    assert third.returncode == 2
    process = entry(heads, "cancelled")["pid"]
    assert f"already has a head process in this folder, process {process} on login" in third.stderr

    job = wait_until(lambda: training_of(heads, "cancelled"), "the training")
    heads.shell(f"scancel {job}")
    assert first.wait(timeout=900) == 1
    said = " ".join(printed(heads, "cancelled").split())
    assert f"job {job} was cancelled by physicist and is not submitted again" in said
    assert submissions(heads, "cancelled") == 1

    assert second.wait(timeout=1500) == 0, printed(heads, "beside")
    assert (heads.folder / "results/beside/report.html").exists()
    assert entry(heads, "cancelled") is entry(heads, "beside") is None


def test_slurm_is_away_while_a_training_ends_and_while_a_job_is_to_be_submitted(heads):
    head = heads.start(RUN.format("cancelled", "cancelled"))
    results = heads.folder / "results/cancelled"
    folder = results / "electron_photon_cnn/seed1"
    # Once its ranks have started, a job needs no controller.
    wait_until((folder / "checkpoint/history.jsonl").exists, "the first epoch")
    for daemon in ("slurmdbd", "slurmctld"):
        heads.stop_daemon(daemon)
    wait_until((folder / "run.json").exists, "the end of the training")
    wait_until(
        lambda: "SLURM's accounting does not answer" in printed(heads, "cancelled"), "the message"
    )
    assert head.poll() is None
    for daemon in ("slurmdbd", "slurmctld"):
        heads.start_daemon(daemon)

    wait_until(lambda: "start   collect" in printed(heads, "cancelled"), "collect")
    heads.stop_daemon("slurmctld")
    wait_until((results / "leaderboard.csv").exists, "the leaderboard")
    wait_until(
        lambda: "SLURM's controller does not answer" in printed(heads, "cancelled"), "the message"
    )
    heads.start_daemon("slurmctld")
    assert head.wait(timeout=900) == 0, printed(heads, "cancelled")
    assert (results / "report.html").exists()
    said = printed(heads, "cancelled")
    for part in ("accounting", "controller"):
        assert said.count(f"calobatch: SLURM's {part} does not answer") == 1
        assert said.count(f"calobatch: SLURM's {part} answers again") == 1
    assert submissions(heads, "cancelled") == 1
