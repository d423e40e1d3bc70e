"""A finished training is never lost, and two trainings never work in one folder at a time."""

import fcntl
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from calobatch.errors import JobError
from calobatch.evaluate.evaluate import evaluate
from calobatch.run.files import TRAINING_FILES
from calobatch.run.kept import kept_folder, publish_kept_run
from calobatch.train import only_training as only_training_module
from calobatch.train.only_training import LOCK_FILE, only_training
from calobatch.train.train import train


@pytest.fixture(scope="module")
def settings(quick):
    return quick(epochs=2)


@pytest.fixture(scope="module")
def trained(crops_store, settings, tmp_path_factory):
    folder = tmp_path_factory.mktemp("trained")
    train("task", settings, 1, crops_store, folder)
    return folder


@pytest.fixture
def run(trained, tmp_path):
    """A finished training in a folder of its own."""
    return Path(shutil.copytree(trained, tmp_path / "run"))


def contents(folder):
    return {name: (folder / name).read_bytes() for name in TRAINING_FILES}


def lose_outputs(folder):
    """Delete what Snakemake deletes if a job fails, or before it repeats a job."""
    for name in TRAINING_FILES:
        (folder / name).unlink(missing_ok=True)


def test_a_finished_training_whose_outputs_were_deleted_is_taken_over(
    crops_store, settings, run, capsys
):
    before = contents(run)
    lose_outputs(run)
    train("task", settings, 1, crops_store, run)
    assert contents(run) == before
    said = capsys.readouterr().err
    assert "an earlier attempt finished this training on" in said
    assert "epoch" not in said


def test_a_training_that_ends_while_it_publishes_its_files_is_taken_over(
    crops_store, settings, run
):
    """All files of the kept copy are there before the first file of the run."""
    before = contents(run)
    for name in TRAINING_FILES[2:]:
        (run / name).unlink()
    train("task", settings, 1, crops_store, run)
    assert contents(run) == before


def test_a_kept_run_with_different_settings_is_not_taken_over(crops_store, settings, run, capsys):
    train("task", settings.model_copy(update={"epochs": 1}), 1, crops_store, run)
    assert len((run / "history.jsonl").read_text().splitlines()) == 1
    assert "earlier attempt" not in capsys.readouterr().err


@pytest.mark.parametrize("damage", ["record", "missing file", "changed file"])
def test_a_kept_run_that_is_not_whole_is_trained_again(crops_store, settings, run, damage):
    predictions = contents(run)["predictions.parquet"]
    lose_outputs(run)
    if damage == "record":
        (kept_folder(run) / "run.json").write_text("{")
    elif damage == "changed file":
        content = bytearray((kept_folder(run) / "model.safetensors").read_bytes())
        content[-100] ^= 1
        (kept_folder(run) / "model.safetensors").write_bytes(content)
    else:
        (kept_folder(run) / "history.jsonl").unlink()
    train("task", settings, 1, crops_store, run)
    assert contents(run)["predictions.parquet"] == predictions


def test_the_kept_run_takes_no_space_and_is_deleted_by_the_evaluation(trained, run):
    for name in TRAINING_FILES:
        assert (trained / name).samefile(kept_folder(trained) / name)
    before = contents(run)
    evaluate(run)
    assert not kept_folder(run).exists()
    assert contents(run) == before


def test_a_file_system_without_hard_links_gets_copies(run, monkeypatch):
    def refuse(*_):
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "link", refuse)
    before = contents(run)
    lose_outputs(run)
    publish_kept_run(run)
    shutil.rmtree(kept_folder(run))
    assert contents(run) == before


def start(settings, store, output):
    command = [sys.executable, "-m", "calobatch.cli", "train", "t", "--run", "seed1"]
    options = ["--store", store, "--output", output, "--settings", settings.model_dump_json()]
    return subprocess.Popen([*command, *options], stderr=subprocess.PIPE, text=True)


def test_a_second_training_in_one_folder_waits_and_takes_over(crops_store, quick, tmp_path):
    settings = quick(epochs=30)
    first = start(settings, crops_store, tmp_path)
    while not (tmp_path / LOCK_FILE).exists() or not (tmp_path / LOCK_FILE).read_text():
        time.sleep(0.05)
        assert first.poll() is None
    # On a busy machine, the first could end before the second has started.
    first.send_signal(signal.SIGSTOP)
    second = start(settings, crops_store, tmp_path)
    waits = second.stderr.readline()
    first.send_signal(signal.SIGCONT)
    (_, said), (_, answer) = first.communicate(), second.communicate()
    assert first.returncode == second.returncode == 0, said + answer
    assert f"another training is at work in {tmp_path}: process {first.pid} on " in waits
    assert "an earlier attempt finished this training on" in answer
    assert "epoch" not in answer


def test_a_lock_dies_with_its_holder(crops_store, quick, tmp_path):
    first = start(quick(epochs=200), crops_store, tmp_path)
    while not (tmp_path / LOCK_FILE).exists() or not (tmp_path / LOCK_FILE).read_text():
        time.sleep(0.05)
    first.kill()
    first.communicate()
    began = time.monotonic()
    with only_training(tmp_path):
        assert time.monotonic() - began < 1


def test_a_training_that_goes_on_for_too_long_is_named(tmp_path, monkeypatch):
    monkeypatch.setenv("HOROVOD_GLOO_TIMEOUT_SECONDS", "1")
    with (
        only_training(tmp_path),
        pytest.raises(JobError, match=rf"still at work in {tmp_path}.*: process {os.getpid()} on"),
        only_training(tmp_path),
    ):
        pass


def test_a_file_system_without_locks_is_reported_and_used(tmp_path, monkeypatch, capsys):
    def refuse(*_):
        raise OSError(38, "Function not implemented")

    monkeypatch.setattr(fcntl, "flock", refuse)
    assert only_training_module.fcntl is fcntl
    with only_training(tmp_path):
        pass
    assert f"{tmp_path} is on a file system without locks (Func" in capsys.readouterr().err
