"""Trainings that start from the weights of another one, and that keep layers as they are."""

import pytest
import torch
from safetensors.torch import load_file

from calobatch.errors import UserError
from calobatch.run.training import RunRecord
from calobatch.train.train import train


@pytest.fixture(scope="module")
def first(crops_store, quick, tmp_path_factory):
    """A finished training to start from."""
    folder = tmp_path_factory.mktemp("first")
    train("task", quick(), 1, crops_store, folder)
    return folder


@pytest.fixture
def trained(crops_store, tmp_path):
    """A function that trains and returns the weights and the record."""

    def trained(settings, seed=2, name="run"):
        train("task", settings, seed, crops_store, tmp_path / name)
        folder = tmp_path / name
        return load_file(folder / "model.safetensors"), RunRecord.read(folder / "run.json")

    return trained


def test_a_training_that_moves_nothing_keeps_the_weights_it_starts_from(first, quick, trained):
    """A learning rate that is too small to change a number in single precision."""
    settings = quick(start_from=str(first), epochs=1, learning_rate=1e-30)
    found, record = trained(settings)
    expected = load_file(first / "model.safetensors")
    assert all(torch.equal(found[name], expected[name]) for name in expected)
    assert record.training.start_from == str(first)
    assert record.start_sha256 == RunRecord.read(first / "run.json").files["model.safetensors"]


def test_frozen_layers_stay_and_the_others_learn(first, quick, trained):
    found, record = trained(quick(start_from=str(first), freeze=["branches"]))
    expected = load_file(first / "model.safetensors")
    changed = {name for name in expected if not torch.equal(found[name], expected[name])}
    assert changed == {name for name in expected if name.startswith("join.")}
    assert record.parameters == sum(found[name].numel() for name in changed)


def test_another_start_is_another_training(first, quick, trained):
    _, new = trained(quick(), name="new")
    _, started = trained(quick(start_from=str(first)), name="started")
    assert new.identity != started.identity


def test_layers_of_another_shape_start_anew_and_are_named(first, quick, trained, capfd):
    """The branches have the same shapes, the layer that joins them has not."""
    settings = quick(start_from=str(first), model_options={"width": 16}, epochs=1)
    trained(settings)
    (line,) = [line for line in capfd.readouterr().err.splitlines() if "starts from" in line]
    assert line.startswith(f"train task seed 2: starts from the weights of {first}; these do not")
    assert "start anew: branches.0.5.weight, branches.0.5.bias" in line


NORMED = """
from torch import nn


class Model(nn.Module):
    inputs = ("image",)

    def __init__(self, layout):
        super().__init__()
        self.norm = nn.BatchNorm2d(2)
        self.last = nn.Linear(2048, 2)

    def forward(self, image_BCHW):
        return self.last(self.norm(image_BCHW).flatten(1))
"""


def test_a_frozen_batch_normalisation_keeps_its_running_means(
    quick, trained, tmp_path, monkeypatch
):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "normed.py").write_text(NORMED)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.chdir(tmp_path)
    moving, _ = trained(quick(model="mine.normed", epochs=1), name="moving")
    resting, _ = trained(quick(model="mine.normed", epochs=1, freeze=["norm"]), name="resting")
    assert moving["norm.running_mean"].abs().max() > 0
    assert resting["norm.running_mean"].abs().max() == 0


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"start_from": "nowhere"}, "start_from: nowhere has no run.json, model.safetensors, so"),
        ({"freeze": ["brunches"]}, "freeze: no parameter of the model is called 'brunches'; its"),
        ({"freeze": ["*"]}, r"freeze: \* freezes all parameters of the model, so nothing is left"),
    ],
)
def test_what_cannot_be_started_from_or_frozen_is_refused(quick, trained, changes, message):
    with pytest.raises(UserError, match=message):
        trained(quick(**changes))


def test_weights_of_a_foreign_model_are_refused(first, quick, trained):
    with pytest.raises(UserError, match=r"start_from: no weight in .* has the name and shape of"):
        trained(quick(model="cnn", start_from=str(first)))


def test_weights_that_were_changed_are_refused(first, quick, trained, tmp_path):
    copy = tmp_path / "copy"
    copy.mkdir()
    for name in ("run.json", "model.safetensors"):
        (copy / name).write_bytes((first / name).read_bytes())
    content = bytearray((copy / "model.safetensors").read_bytes())
    content[-1] ^= 1
    (copy / "model.safetensors").write_bytes(content)
    with pytest.raises(UserError, match="was changed after it was written"):
        trained(quick(start_from=str(copy)))
