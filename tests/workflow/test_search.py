"""A search that is killed ends like one that is left alone, and disturbs nothing else."""

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil
import pytest

from calobatch.run.trials import Outcome, Proposal, read_winner
from tests.checkout import CHECKOUT, Workflow
from tests.cluster.own_crops import DATASET, write_crops
from tests.workflow.test_dry_run import jobs

TASK = "results/searched/crops"
MODEL = CHECKOUT / "tests/train/slow_dropout.py"
# 0.02 s per step: slow enough to be killed in the middle of an epoch.
SCENARIO = f"""title: A small search
datasets:
  electron_photon: {DATASET}
tasks:
  crops:
    title: Crops
    dataset: electron_photon
    model: slow_dropout
    model_options: {{seconds: 0.02}}
    epochs: 2
    batch_size: 16
    learning_rate: 1.0e-3
    ranks: 1
    communicator: single
    device: cpu
    search:
      trials: 2
      batch: 2
      rounds: 2
      factor: 2
      epochs: 3
      ranges:
        learning_rate: {{low: 1.0e-4, high: 1.0e-1, log: true}}
        weight_decay: {{low: 0, high: 0.1}}
seeds: [1]
"""
RUN = (f"{TASK}/seed1/run.json", "--profile", "cluster/local", "--config", "scenario=searched")
# Files that say nothing of the time at which they were made.
COMPARED = ("search/step1.json", "search/step2.json", "search/winner.json",
            "seed1/predictions.parquet", "seed1/model.safetensors")  # fmt: skip


def with_search(folder: Path, scenario: str = SCENARIO) -> Workflow:
    """Return a checkout that has the scenario, its raw file and its model."""
    workflow = Workflow(folder)
    (folder / "config/searched.yaml").write_text(scenario)
    write_crops(folder)
    shutil.copy(MODEL, folder / "src/calobatch/models")
    return workflow


@pytest.fixture(scope="module")
def searches(tmp_path_factory):
    """A search that was left alone, and one that was killed and went on, side by side."""
    alone, killed = (with_search(tmp_path_factory.mktemp(name)) for name in ("alone", "killed"))
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(alone.snakemake, *RUN)
        head = subprocess.Popen(
            [sys.executable, "-m", "snakemake", *RUN],
            cwd=killed.folder,
            env={**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        number = in_the_second_round(killed.folder / TASK / "search", head)
        trials = [p for p in psutil.Process(head.pid).children(recursive=True) if is_trial(p)]
        for process in (head, *trials):
            process.send_signal(signal.SIGKILL)
        head.wait()
        told = killed.snakemake(*RUN)
        first.result()
    return alone, killed, number, told.stdout + told.stderr


def in_the_second_round(search: Path, head: subprocess.Popen) -> int:
    """Wait until a trial has made an epoch of the second round; return its number."""
    while head.poll() is None:
        for history in search.glob("trial*/checkpoint/history.jsonl"):
            if (search / "step2.json").exists() and history.read_text().count("\n") in (4, 5):
                return int(history.parts[-3].removeprefix("trial"))
        time.sleep(0.02)
    raise AssertionError("the search ended before it could be killed")


def is_trial(process: psutil.Process) -> bool:
    try:
        return "trial" in process.cmdline()
    except psutil.Error:
        return False


def test_proposals_winner_and_predictions_are_those_of_an_undisturbed_search(searches):
    alone, killed, number, told = searches
    for name in COMPARED:
        expected = (alone.folder / TASK / name).read_bytes()
        assert (killed.folder / TASK / name).read_bytes() == expected, name
    # It went on where it was, and repeated no trial of the first round.
    assert re.search(
        rf"crops_trial{number} seed 0: slow_dropout.*, continued after epoch [45]", told
    )
    assert "start   trial crops step1" not in told


def test_the_winner_is_the_best_of_the_last_round_and_is_trained_with_other_seeds(searches):
    folder = searches[0].folder / TASK
    outcomes = [Outcome.read(path) for path in (folder / "search/step2").glob("*.json")]
    best = max(outcomes, key=lambda outcome: outcome.best.validation_auc)
    winner = read_winner(folder / "search/winner.json")
    assert winner == best.training.model_copy(update={"epochs": 2})
    assert {len(outcome.history) for outcome in outcomes} == {6}
    assert {Proposal.read(path).seed for path in (folder / "search").glob("step*.json")} == {0}


def test_a_search_that_has_ended_is_not_repeated_and_a_longer_one_keeps_its_trials(searches):
    workflow = searches[0]
    assert "Nothing to be done" in workflow.snakemake("-n", *RUN).stdout
    longer = workflow.snakemake("-n", *RUN, "set=tasks.crops.search.trials=4").stdout
    # A second step of two new trials; and in the second round, two of all four.
    assert jobs(longer) == {"propose": 2, "trial": 2 + 2, "choose": 1, "train": 1}
