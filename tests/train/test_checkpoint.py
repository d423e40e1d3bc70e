"""An interrupted training continues where it stopped, and ends with the same files."""

import re
import shutil
import time
from pathlib import Path

import pytest
import torch

from calobatch.errors import JobError
from calobatch.run.training import RunRecord
from calobatch.train import checkpoint as checkpoint_module
from calobatch.train.checkpoint import Checkpoint, read_checkpoint, write_checkpoint
from calobatch.train.train import train

SCHEDULES = [{"kind": "constant"}, {"kind": "plateau", "patience": 1}]


def interrupt_after(monkeypatch, epochs):
    """Interrupt the training right after it has written the checkpoint of that epoch."""
    original = checkpoint_module.write_checkpoint

    def save(checkpoint, path):
        original(checkpoint, path)
        if len(checkpoint.history) == epochs:
            raise KeyboardInterrupt

    monkeypatch.setattr(checkpoint_module, "write_checkpoint", save)


@pytest.mark.parametrize("schedule", SCHEDULES)
@pytest.mark.parametrize("epochs", [1, 3])
def test_a_resumed_training_ends_with_the_predictions_of_an_undisturbed_one(
    crops_store, quick, tmp_path, monkeypatch, epochs, schedule
):
    settings = quick(epochs=5, schedule=schedule)
    train("task", settings, 1, crops_store, tmp_path / "undisturbed")
    with monkeypatch.context() as patched:
        interrupt_after(patched, epochs)
        with pytest.raises(KeyboardInterrupt):
            train("task", settings, 1, crops_store, tmp_path / "resumed")
    assert not (tmp_path / "resumed" / "run.json").exists()
    train("task", settings, 1, crops_store, tmp_path / "resumed")
    assert RunRecord.read(tmp_path / "resumed" / "run.json").resumed_after_epoch == epochs
    for name in ("predictions.parquet", "model.safetensors"):
        resumed = (tmp_path / "resumed" / name).read_bytes()
        assert resumed == (tmp_path / "undisturbed" / name).read_bytes()


def test_a_checkpoint_with_different_settings_is_not_used(
    crops_store, quick, tmp_path, monkeypatch, capsys
):
    with monkeypatch.context() as patched:
        interrupt_after(patched, 1)
        with pytest.raises(KeyboardInterrupt):
            train("task", quick(), 1, crops_store, tmp_path)
    train("task", quick(learning_rate=1e-3), 1, crops_store, tmp_path)
    said = capsys.readouterr().err
    assert "was left with different settings (learning_rate 0.002 → 0.001), so it is not" in said
    assert RunRecord.read(tmp_path / "run.json").resumed_after_epoch == 0


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_a_training_with_more_epochs_continues_and_ends_as_one_from_scratch(
    crops_store, quick, tmp_path, schedule
):
    longer = quick(epochs=5, schedule=schedule)
    train("task", longer, 1, crops_store, tmp_path / "scratch")
    for settings in (quick(epochs=2, schedule=schedule), longer):
        train("task", settings, 1, crops_store, tmp_path / "continued")
    assert RunRecord.read(tmp_path / "continued" / "run.json").resumed_after_epoch == 2
    for name in ("predictions.parquet", "model.safetensors"):
        continued = (tmp_path / "continued" / name).read_bytes()
        assert continued == (tmp_path / "scratch" / name).read_bytes()


@pytest.mark.parametrize("epochs", [2, 3])
def test_a_finished_training_is_repeated_with_the_same_or_fewer_epochs(
    crops_store, quick, tmp_path, epochs
):
    for number in (3, epochs):
        train("task", quick(epochs=number), 1, crops_store, tmp_path)
        (tmp_path / ".kept" / "run.json").unlink()  # as if it had been evaluated
    record = RunRecord.read(tmp_path / "run.json")
    assert (record.resumed_after_epoch, record.epochs_run) == (0, epochs)


def test_a_cosine_schedule_with_more_epochs_starts_from_scratch(crops_store, quick, tmp_path):
    for epochs in (2, 3):
        settings = quick(epochs=epochs, schedule={"kind": "cosine"})
        train("task", settings, 1, crops_store, tmp_path)
        assert not (tmp_path / "checkpoint").exists()
    assert RunRecord.read(tmp_path / "run.json").resumed_after_epoch == 0


def test_an_interrupted_training_continues_with_more_epochs_and_not_with_fewer(
    crops_store, quick, tmp_path, monkeypatch, capsys
):
    with monkeypatch.context() as patched:
        interrupt_after(patched, 3)
        with pytest.raises(KeyboardInterrupt):
            train("task", quick(epochs=4), 1, crops_store, tmp_path / "more")
    shutil.copytree(tmp_path / "more", tmp_path / "fewer")
    train("task", quick(epochs=5), 1, crops_store, tmp_path / "more")
    assert RunRecord.read(tmp_path / "more" / "run.json").resumed_after_epoch == 3
    train("task", quick(epochs=1), 1, crops_store, tmp_path / "fewer")
    assert RunRecord.read(tmp_path / "fewer" / "run.json").resumed_after_epoch == 0
    assert "has more epochs than the 1 of this training" in capsys.readouterr().err


def small_checkpoint(path):
    """Write a checkpoint with one tensor, and return its bytes."""
    state = {"weight": torch.arange(1000.0)}
    checkpoint = Checkpoint(
        identity="id", started=0.0, history=[], model=state, best_model=state, optimizer={}
    )
    write_checkpoint(checkpoint, path)
    return path.read_bytes()


def test_a_checkpoint_is_read_without_unpickling_code(tmp_path):
    """torch.load with weights_only refuses anything but tensors and plain values."""
    small_checkpoint(tmp_path / "state.pt")
    content = torch.load(tmp_path / "state.pt", weights_only=True)
    assert torch.equal(content["model"]["weight"], torch.arange(1000.0))
    assert read_checkpoint(tmp_path / "state.pt", "id") is not None
    assert read_checkpoint(tmp_path / "state.pt", "other") is None


class Harmful:
    """An object that creates a file when pickle reads it."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return Path.touch, (self.path,)


def test_code_in_a_checkpoint_is_not_run(tmp_path):
    content = {"identity": "id", "history": Harmful(tmp_path / "harm")}
    torch.save(content, tmp_path / "state.pt")
    assert read_checkpoint(tmp_path / "state.pt", "id") is None
    assert not (tmp_path / "harm").exists()


def cut(content):
    return content[: len(content) // 2]


def with_one_byte_changed(content):
    where = content.index(torch.arange(1000.0).numpy().tobytes())
    return content[: where + 40] + bytes([content[where + 40] ^ 1]) + content[where + 41 :]


@pytest.mark.parametrize("damage", [cut, with_one_byte_changed, lambda _: b"", lambda _: b"text"])
def test_a_damaged_checkpoint_is_reported_in_one_line_and_kept(tmp_path, capsys, damage):
    path = tmp_path / "state.pt"
    damaged = damage(small_checkpoint(path))
    path.write_bytes(damaged)
    assert read_checkpoint(path, "id") is None
    assert re.fullmatch(
        rf"the checkpoint {path} is damaged \(.+\) and was renamed to state\.pt\.damaged; the "
        r"training continues from the checkpoint before it, or from scratch if there is none\n",
        capsys.readouterr().err,
    )
    assert not path.exists()
    assert (tmp_path / "state.pt.damaged").read_bytes() == damaged


@pytest.mark.parametrize(
    "content", [{"epoch": 1}, {"identity": "id"}, {"identity": "id", "history": [{}]}, [1, 2]]
)
def test_a_file_that_is_no_checkpoint_counts_as_damaged(tmp_path, capsys, content):
    torch.save(content, tmp_path / "state.pt")
    assert read_checkpoint(tmp_path / "state.pt", "id") is None
    assert "state.pt is damaged" in capsys.readouterr().err
    assert (tmp_path / "state.pt.damaged").exists()


def test_a_training_whose_checkpoint_is_damaged_starts_from_scratch(crops_store, quick, tmp_path):
    (tmp_path / "checkpoint").mkdir()
    (tmp_path / "checkpoint" / "state.pt").write_bytes(b"PK\x03\x04 not a whole archive")
    train("task", quick(), 1, crops_store, tmp_path)
    assert RunRecord.read(tmp_path / "run.json").resumed_after_epoch == 0


@pytest.mark.parametrize("lost", ["damaged", "missing"])
def test_a_training_continues_from_the_checkpoint_before_a_lost_one(
    crops_store, quick, tmp_path, monkeypatch, lost
):
    """A checkpoint is missing if the process was killed between the two renames."""
    train("task", quick(epochs=4), 1, crops_store, tmp_path / "undisturbed")
    folder = tmp_path / "resumed"
    with monkeypatch.context() as patched:
        interrupt_after(patched, 3)
        with pytest.raises(KeyboardInterrupt):
            train("task", quick(epochs=4), 1, crops_store, folder)
    state = folder / "checkpoint/state.pt"
    content = bytearray(state.read_bytes())
    content[len(content) // 2] ^= 1
    state.unlink() if lost == "missing" else state.write_bytes(content)
    train("task", quick(epochs=4), 1, crops_store, folder)
    assert RunRecord.read(folder / "run.json").resumed_after_epoch == 2
    for name in ("predictions.parquet", "model.safetensors"):
        assert (folder / name).read_bytes() == (tmp_path / "undisturbed" / name).read_bytes()


def test_without_a_checkpoint_nothing_is_reported(tmp_path, capsys):
    assert read_checkpoint(tmp_path / "checkpoint" / "state.pt", "id") is None
    assert capsys.readouterr().err == ""


def test_a_checkpoint_that_cannot_be_read_now_stops_the_training_and_stays(
    crops_store, quick, tmp_path
):
    """A link to itself is an error of the file system that root meets too."""
    (tmp_path / "checkpoint").mkdir()
    path = tmp_path / "checkpoint" / "state.pt"
    path.symlink_to(path)
    with pytest.raises(JobError, match=r"state\.pt cannot be read \(Too many.*\) and may"):
        train("task", quick(), 1, crops_store, tmp_path)
    assert path.is_symlink()
    assert not (tmp_path / "run.json").exists()


def test_a_checkpoint_that_memory_is_too_small_for_is_not_taken_for_damaged(tmp_path, monkeypatch):
    def decode(raw):
        raise MemoryError

    path = tmp_path / "state.pt"
    path.write_bytes(b"good")
    monkeypatch.setattr(checkpoint_module, "_decode", decode)
    with pytest.raises(JobError, match=r"too little memory to read the checkpoint .*state\.pt"):
        read_checkpoint(path, "identity")
    assert path.read_bytes() == b"good"


def test_a_resumed_training_keeps_its_first_start_time(crops_store, quick, tmp_path, monkeypatch):
    with monkeypatch.context() as patched:
        interrupt_after(patched, 1)
        with pytest.raises(KeyboardInterrupt):
            train("task", quick(), 1, crops_store, tmp_path)
    killed = time.time()
    train("task", quick(), 1, crops_store, tmp_path)
    assert RunRecord.read(tmp_path / "run.json").started < killed
