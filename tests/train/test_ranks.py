"""Real ranks, started as the workflow starts them."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from calobatch.config.training import Augmentation, Training
from calobatch.run.history import read_history
from calobatch.run.predictions import read_predictions
from calobatch.run.training import RunRecord

CALOBATCH = [sys.executable, "-m", "calobatch.cli"]


def command(settings, store, output):
    return [
        *CALOBATCH,
        *("launch", "-n", str(settings.ranks)),
        *CALOBATCH,
        *("train", "task", "--run", "seed1", "--store", str(store), "--output", str(output)),
        *("--settings", settings.model_dump_json()),
    ]


def run(settings, store, output):
    subprocess.run(command(settings, store, output), check=True, timeout=300)


def catches(pid, number):
    """Whether a process has a handler for a signal, as the kernel has it."""
    status = Path(f"/proc/{pid}/status").read_text()
    caught = next(line for line in status.splitlines() if line.startswith("SigCgt"))
    return int(caught.split()[1], 16) >> (number - 1) & 1


def scores(output):
    return {name: p.score for name, p in read_predictions(output / "predictions.parquet").items()}


@pytest.fixture(scope="module")
def undisturbed(crops_store, quick, tmp_path_factory):
    settings = quick(epochs=4, ranks=2, communicator="horovod")
    output = tmp_path_factory.mktemp("undisturbed")
    run(settings, crops_store, output)
    return settings, output


def test_two_runs_of_two_horovod_ranks_give_identical_predictions(
    crops_store, undisturbed, tmp_path
):
    settings, output = undisturbed
    run(settings, crops_store, tmp_path)
    again = (tmp_path / "predictions.parquet").read_bytes()
    assert again == (output / "predictions.parquet").read_bytes()
    assert RunRecord.read(tmp_path / "run.json").ranks == 2


@pytest.mark.parametrize(
    "changes",
    [
        {"communicator": "torch"},
        {"communicator": "single", "ranks": 1},
        {"channels_last": True, "passes_per_step": 2},
    ],
)
def test_every_communicator_and_memory_layout_trains_the_same_model(
    crops_store, undisturbed, tmp_path, changes
):
    """Ranks share one batch, so only the order of sums differs."""
    settings, output = undisturbed
    other = settings.model_copy(update=changes)
    run(other, crops_store, tmp_path)
    for name, of_split in scores(output).items():
        np.testing.assert_allclose(scores(tmp_path)[name], of_split, atol=2e-3)


def test_a_killed_rank_stops_the_others_and_the_same_command_continues(
    crops_store, undisturbed, tmp_path
):
    settings, output = undisturbed
    first = subprocess.Popen(
        command(settings, crops_store, tmp_path), stderr=subprocess.PIPE, text=True
    )
    history = tmp_path / "checkpoint" / "history.jsonl"
    wait_until(lambda: history.exists() and len(history.read_text().splitlines()) >= 2)
    ranks = children_of(first.pid)
    assert len(ranks) == 2
    os.kill(ranks[1], signal.SIGKILL)
    _, message = first.communicate(timeout=180)
    assert first.returncode == 1
    assert "was killed by SIGKILL and the other ranks were stopped; run the same" in message
    assert not any(Path(f"/proc/{rank}").exists() for rank in ranks)
    assert not (tmp_path / "run.json").exists()
    run(settings, crops_store, tmp_path)
    assert RunRecord.read(tmp_path / "run.json").resumed_after_epoch >= 2
    resumed = (tmp_path / "predictions.parquet").read_bytes()
    assert resumed == (output / "predictions.parquet").read_bytes()


def wait_until(condition, seconds=180):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.005)


def children_of(pid):
    listed = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [int(child) for child in listed]


def test_three_ranks_are_reproducible_too(crops_store, undisturbed, tmp_path):
    """Two ranks can add in one order only; with three, Horovod's own order would change."""
    settings = undisturbed[0].model_copy(update={"ranks": 3, "model": "cnn", "epochs": 2})
    for name in ("one", "again"):
        run(settings, crops_store, tmp_path / name)
    one, again = (tmp_path / name / "model.safetensors" for name in ("one", "again"))
    assert one.read_bytes() == again.read_bytes()


SLOW = Training(
    model="tests.train.slow_dropout", epochs=3, batch_size=8, learning_rate=2e-3, ranks=2
)


# What an option keeps between steps must be in a checkpoint.
EVERY_OPTION = SLOW.model_copy(
    update={
        "average_weights": 0.9,
        "clip_gradients": 1.0,
        "decay_biases": False,
        "label_smoothing": 0.1,
        "skip_bad_steps": True,
        "weight_decay": 0.1,
    }
)


HITS = SLOW.model_copy(
    update={
        "model": "hit_transformer",
        "model_options": {"depth": 8},
        "passes_per_step": 2,
        "augmentation": Augmentation(flip_eta=True, shift=1),
    }
)


@pytest.mark.parametrize(
    ("number", "settings"),
    [(signal.SIGTERM, SLOW), (signal.SIGUSR1, EVERY_OPTION), (signal.SIGTERM, HITS)],
)
def test_a_request_to_stop_leaves_a_checkpoint_and_the_same_command_continues(
    crops_store, tmp_path, number, settings
):
    stopped, undisturbed = tmp_path / "stopped", tmp_path / "undisturbed"
    run(settings, crops_store, undisturbed)
    first = subprocess.Popen(
        command(settings, crops_store, stopped), stderr=subprocess.PIPE, text=True
    )
    wait_until((stopped / "checkpoint" / "history.jsonl").exists)
    first.send_signal(number)
    _, message = first.communicate(timeout=180)
    assert first.returncode == 75
    assert message.count("left a checkpoint after step") == 1
    run(settings, crops_store, stopped)
    assert RunRecord.read(stopped / "run.json").resumed_after_epoch == 1
    assert RunRecord.read(stopped / "run.json").resumed_at_step > 0
    ends = [(folder / "predictions.parquet").read_bytes() for folder in (undisturbed, stopped)]
    assert ends[0] == ends[1]
    losses, norms = (
        [
            [getattr(epoch, name) for epoch in read_history(folder / "history.jsonl")]
            for folder in (undisturbed, stopped)
        ]
        for name in ("train_loss", "gradient_norm")
    )
    assert losses[0] == losses[1]
    assert norms[0] == norms[1]


def test_a_request_to_stop_before_the_first_epoch_is_not_a_failure(
    crops_store, undisturbed, tmp_path
):
    settings, _ = undisturbed
    first = subprocess.Popen(
        command(settings, crops_store, tmp_path), stderr=subprocess.PIPE, text=True
    )
    wait_until(lambda: len(children_of(first.pid)) == 2)
    # The ranks handle the signal before they import torch.
    wait_until(lambda: all(catches(rank, signal.SIGUSR1) for rank in children_of(first.pid)))
    first.send_signal(signal.SIGUSR1)
    _, message = first.communicate(timeout=180)
    assert first.returncode == 75
    assert "stopped by SIGUSR1" in message


def test_a_checkpoint_that_cannot_be_read_is_one_message_of_all_ranks(
    crops_store, undisturbed, tmp_path
):
    settings, _ = undisturbed
    state = tmp_path / "checkpoint" / "state.pt"
    state.parent.mkdir()
    state.symlink_to(state)
    answer = subprocess.run(
        command(settings, crops_store, tmp_path), capture_output=True, text=True, timeout=300
    )
    assert answer.returncode == 1
    assert answer.stderr.count("state.pt cannot be read") == 1
    assert "Traceback" not in answer.stderr
    assert "Horovod" not in answer.stderr
    assert state.is_symlink()
