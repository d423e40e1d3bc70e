"""A model is given a batch of zeros: each mistake in its file has one message with its line."""

import sys
from pathlib import Path

import pytest
import torch

from calobatch.errors import UserError
from calobatch.models.blame import blaming_model
from calobatch.models.build import build_model
from calobatch.models.trial import try_model
from tests.layouts import ELECTRON_PHOTON, QUARK_GLUON

HEAD = """from torch import nn


class Model(nn.Module):
    inputs = ("image",)

    def __init__(self, layout):
        super().__init__()
        self.layers = nn.Sequential(nn.Flatten(), nn.Linear(2048, 2))
        self.norm = nn.BatchNorm2d(2)

    def forward(self, image_BCHW):
"""


@pytest.fixture
def written(tmp_path, monkeypatch):
    """A function that writes a model, and returns its name and its file."""
    monkeypatch.syspath_prepend(tmp_path)

    def write(body, head=HEAD):
        package = tmp_path / "mine"
        package.mkdir(exist_ok=True)
        file = package / "net.py"
        file.write_text(head + body)
        for name in [name for name in sys.modules if name.split(".")[0] == "mine"]:
            monkeypatch.delitem(sys.modules, name)
        return "mine.net", file

    return write


def trial(name):
    try_model(build_model(name, ELECTRON_PHOTON, {}), name, ELECTRON_PHOTON)


@pytest.mark.parametrize(
    "name",
    [
        "cnn",
        "two_branch_cnn",
        "vision_transformer",
        "compact_vit",
        "resnet",
        "boosted_trees",
        "hit_transformer",
    ],
)
def test_the_models_for_crops_pass(name):
    trial(name)


@pytest.mark.parametrize(
    "name", ["jet_cnn", "compact_vit", "resnet", "boosted_trees", "hit_transformer"]
)
def test_the_models_for_jets_pass(name):
    try_model(build_model(name, QUARK_GLUON, {}), name, QUARK_GLUON)


def test_a_model_with_scalars_needs_a_layout_that_has_some():
    without = QUARK_GLUON.model_copy(update={"scalars": ()})
    message = "model jet_cnn needs scalars, but layout quark_gluon has none; add them to the layout"
    with pytest.raises(UserError, match=message):
        try_model(build_model("jet_cnn", without, {}), "jet_cnn", without)


@pytest.mark.parametrize(
    ("needs", "message"),
    [
        ("least_channels = 3", r"needs at least 3 channels, but .* has 2 \(energy, time\)"),
        ("needed_scalars = ('pt', 'm0')", "needs the scalars pt, m0, but .* has none; add them"),
    ],
)
def test_a_layout_without_what_a_model_needs_is_refused(written, needs, message):
    head = HEAD.replace('inputs = ("image",)', f'inputs = ("image",)\n    {needs}')
    name, _ = written("        return self.layers(image_BCHW)\n", head)
    with pytest.raises(UserError, match=f"model {name} {message}"):
        trial(name)


def test_the_model_and_the_random_numbers_stay_as_they_are(written):
    name, _ = written("        return self.layers(self.norm(image_BCHW + 1))\n")
    model = build_model(name, ELECTRON_PHOTON, {})
    before = {key: value.clone() for key, value in model.state_dict().items()}
    state = torch.get_rng_state()
    try_model(model, name, ELECTRON_PHOTON)
    assert torch.equal(torch.get_rng_state(), state)
    assert all(torch.equal(value, before[key]) for key, value in model.state_dict().items())
    assert all(parameter.grad is None for parameter in model.parameters())
    assert model.training


@pytest.mark.parametrize(
    ("returned", "found"),
    [
        ("self.layers(image_BCHW)[:, :1]", r"numbers of shape \(2, 1\)"),
        ("nn.functional.pad(self.layers(image_BCHW), (0, 3))", r"numbers of shape \(2, 5\)"),
        ("self.layers(image_BCHW).argmax(1)", r"numbers of shape \(2,\)"),
        ("(self.layers(image_BCHW), None)", "a tuple"),
        ("self.layers(image_BCHW).long()", r"numbers of shape \(2, 2\) and type torch.int64"),
    ],
)
def test_other_than_one_logit_per_event_and_class_is_refused(written, returned, found):
    name, _ = written(f"        return {returned}\n")
    with pytest.raises(UserError, match=rf"must return one .* \(2, 2\), but it returned {found}"):
        trial(name)


@pytest.mark.parametrize(
    ("body", "error"),
    [
        ("        raise KeyError('mine')\n", "KeyError: 'mine'"),
        ("        return self.layers(image_BCHW[:, :1])\n", "RuntimeError: .*2048"),
        ("        return self.nothing\n", "AttributeError: .*nothing"),
    ],
)
def test_an_error_in_forward_is_named_with_its_line(written, body, error):
    name, file = written(body)
    with pytest.raises(UserError, match=rf"mine.net fails on .* at line 13 of {file}: {error}"):
        trial(name)


HITS = """from torch import nn


class Model(nn.Module):
    inputs = ("hits", "scalars")

    def __init__(self, layout):
        super().__init__()
        self.layer = nn.Linear(5, 8)
        self.classes = nn.Linear(10, 2)

    def forward(self, hit_BLF, scalars_BS):
        token_BLE = self.layer(hit_BLF)
        real_BL1 = (hit_BLF[..., 2:] != 0).any(2, keepdim=True)
"""


@pytest.mark.parametrize(
    ("summed", "passes"),
    [
        ("(token_BLE * real_BL1).sum(1) / real_BL1.sum(1).clamp(min=1)", True),
        ("token_BLE.where(real_BL1, -1e9).amax(1)", True),
        ("token_BLE.mean(1)", False),
        ("(token_BLE * real_BL1).mean(1)", False),
        ("token_BLE.sum(1)", False),
    ],
)
def test_logits_may_not_depend_on_the_length_to_which_events_are_filled(written, summed, passes):
    body = f"""        return self.classes(torch.cat([{summed}, scalars_BS], 1))\n"""
    name, _ = written(body, "import torch\n" + HITS)
    model = build_model(name, QUARK_GLUON, {})
    if passes:
        try_model(model, name, QUARK_GLUON)
        return
    with pytest.raises(UserError, match=rf"model {name}: hits that are zero everywhere change its"):
        try_model(model, name, QUARK_GLUON)


def test_a_model_without_parameters_is_refused(written):
    head = HEAD.replace("nn.Linear(2048, 2)", "nn.Identity()").replace("BatchNorm2d(2)", "ReLU()")
    name, _ = written("        return image_BCHW.mean((2, 3))\n", head)
    with pytest.raises(UserError, match=r"mine.net has no parameters to train"):
        trial(name)


def test_memory_of_the_gpu_and_faults_of_it_are_not_blamed_on_the_model():
    with (
        pytest.raises(UserError, match="too little memory for a batch; lower batch_size"),
        blaming_model("cnn", "a batch", in_its_file=True),
    ):
        raise torch.OutOfMemoryError("CUDA out of memory")
    with pytest.raises(RuntimeError, match="CUDA error"), blaming_model("cnn", "a batch"):
        raise RuntimeError("CUDA error: uncorrectable ECC error")


def test_logits_without_gradients_are_refused(written):
    name, _ = written("        return self.layers(image_BCHW).detach()\n")
    with pytest.raises(UserError, match=r"mine.net fails on a batch of zeros: RuntimeError: "):
        trial(name)


@pytest.mark.parametrize("inputs", ["", '    inputs = "image"\n', '    inputs = ("picture",)\n'])
def test_a_model_that_does_not_say_what_it_takes_is_told_the_line_to_add(written, inputs):
    head = HEAD.replace('    inputs = ("image",)\n', inputs)
    name, _ = written("        return self.layers(image_BCHW)\n", head)
    with pytest.raises(UserError, match=r'mine.net must say .*inputs: ClassVar = \("image",\)'):
        trial(name)


def test_an_error_while_the_file_is_imported_is_named_with_its_line(written):
    name, file = written("        pass\n", "import torch\n\nnumber = 1 / 0\n" + HEAD)
    with pytest.raises(UserError, match=rf"its import at line 3 of {file}: ZeroDivisionError"):
        trial(name)


def test_an_error_while_the_model_is_built_names_its_options(written):
    head = HEAD.replace("nn.Linear(2048, 2)", "nn.Linear(layout.nothing, 2)")
    name, _ = written("        pass\n", head)
    with pytest.raises(UserError, match=r"cannot be built with its defaults: .*nothing"):
        build_model(name, ELECTRON_PHOTON, {})


def test_every_model_of_the_package_is_tried_here():
    folder = Path(sys.modules["calobatch.models.build"].__file__).parent
    models = {path.stem for path in folder.glob("*.py") if "class Model(" in path.read_text()}
    assert models == {
        "boosted_trees",
        "cnn",
        "compact_vit",
        "hit_transformer",
        "two_branch_cnn",
        "vision_transformer",
        "jet_cnn",
        "resnet",
    }
