from dataclasses import dataclass

import pytest
import torch
from torch import nn
from torch.nn import functional

from calobatch.models.build import build_model, parameter_count
from calobatch.report import architecture as module
from calobatch.report.architecture import architecture
from tests.layouts import ELECTRON_PHOTON, QUARK_GLUON

MODELS = [
    ("two_branch_cnn", ELECTRON_PHOTON),
    ("cnn", ELECTRON_PHOTON),
    ("vision_transformer", ELECTRON_PHOTON),
    ("jet_cnn", QUARK_GLUON),
    ("hit_transformer", QUARK_GLUON),
]


def ancestors(nodes, index):
    parents = set(nodes[index].parents)
    return parents.union(*(ancestors(nodes, parent) for parent in parents))


@pytest.mark.parametrize(("name", "layout"), MODELS)
def test_every_parameter_belongs_to_the_named_layer_that_counts_it(name, layout):
    nodes = architecture(name, {}, layout)
    model = build_model(name, layout, {})
    named = {node.name: node.parameters for node in nodes if node.parameters}
    counts = dict.fromkeys(named, 0)
    for path, parameter in model.named_parameters():
        (owner,) = (name for name in named if f"{path}.".startswith(f"{name}."))
        counts[owner] += parameter.numel()
    assert counts == named
    assert sum(node.parameters for node in nodes) == parameter_count(model)


@pytest.mark.parametrize(("name", "layout"), MODELS)
def test_the_last_node_gives_the_logits_and_depends_on_everything(name, layout):
    nodes = architecture(name, {}, layout)
    assert nodes[-1].shape == (2,)
    assert ancestors(nodes, len(nodes) - 1) == set(range(len(nodes) - 1))


def test_branches_are_independent_until_they_are_joined():
    nodes = architecture("two_branch_cnn", {}, ELECTRON_PHOTON)
    join = next(i for i, node in enumerate(nodes) if node.kind == "concatenate")
    first, second = (ancestors(nodes, parent) | {parent} for parent in nodes[join].parents)
    assert [nodes[i].kind for i in first & second] == ["input"]
    assert len(first) == len(second)


def test_the_residual_paths_of_the_transformer_are_found():
    nodes = architecture("vision_transformer", {"depth": 3}, ELECTRON_PHOTON)
    residual = [node for node in nodes if node.kind == "add" and len(node.parents) == 2]
    assert len(residual) == 2 * 3
    assert sum(node.kind == "attention" for node in nodes) == 3


class Odd(nn.Module):
    """A layer used twice, the attention layer of torch, and a parameter outside of any layer."""

    inputs = ("image",)

    def __init__(self, layout) -> None:
        super().__init__()
        self.shared = nn.Linear(32, 32)
        self.attention = nn.MultiheadAttention(32, 2, batch_first=True)
        self.scale = nn.Parameter(torch.ones(32))
        self.out = nn.Linear(32, 2)

    def forward(self, image_BCHW):
        rows = self.shared(self.shared(image_BCHW[:, 0])) * self.scale
        attended, _ = self.attention(rows, rows, rows)
        return self.out((rows + attended).mean(dim=1))


class Hidden(nn.Module):
    """Uses a layer's weight without calling the layer, beside one that it calls."""

    def __init__(self) -> None:
        super().__init__()
        self.used, self.called = nn.Linear(32, 32), nn.ModuleList([nn.Linear(32, 32)])

    def forward(self, rows):
        return self.called[0](rows) @ self.used.weight


class Unused(nn.Module):
    """Has a layer that it only asks for its type, and takes its input by name."""

    def __init__(self) -> None:
        super().__init__()
        self.norm, self.unused = nn.LayerNorm(32), nn.Linear(32, 32)

    def forward(self, *, rows):
        return self.norm(rows.to(self.unused.weight.dtype))


@dataclass(slots=True)
class Parts:
    rows: torch.Tensor


class InParts(nn.Module):
    """Returns a dataclass."""

    def forward(self, rows):
        return Parts(rows * 2)


class UsesHidden(nn.Module):
    """Has modules of all these kinds, and uses parts of a weight itself."""

    inputs = ("image",)

    def __init__(self, layout) -> None:
        super().__init__()
        self.block = nn.Sequential(nn.LayerNorm(32), Hidden())
        self.unused, self.parts = Unused(), InParts()
        self.out = nn.Linear(32, 4)

    def forward(self, image_BCHW):
        rows = self.block(image_BCHW[:, 0])
        rows = self.parts(self.unused(rows=rows)).rows.mean(dim=1)
        first, _ = self.out.weight.chunk(2)
        return functional.linear(rows, first)


def test_what_uses_a_layer_without_calling_it_is_one_box_with_its_parameters(monkeypatch):
    monkeypatch.setattr(module, "build_model", lambda name, layout, options: UsesHidden(layout))
    nodes = architecture("uses_hidden", {}, ELECTRON_PHOTON)
    assert [(node.kind, node.name, node.parameters) for node in nodes] == [
        ("input", "image", 0),
        ("LayerNorm", "block.0", 64),
        ("Hidden", "block.1", 2 * (32 * 32 + 32)),
        ("LayerNorm", "unused.norm", 64),
        ("InParts", "parts", 0),
        ("linear out.weight", "out.weight", 4 * 32),
    ]
    assert [node.parents for node in nodes[1:]] == [(number,) for number in range(5)]


def test_shared_layers_are_counted_once_and_torch_layers_are_not_opened(monkeypatch):
    monkeypatch.setattr(module, "build_model", lambda name, layout, options: Odd(layout))
    nodes = architecture("odd", {}, ELECTRON_PHOTON)
    assert sum(node.parameters for node in nodes) == parameter_count(Odd(ELECTRON_PHOTON))
    assert [node.parameters > 0 for node in nodes if node.name == "shared"] == [True, False]
    assert [node.kind for node in nodes] == [
        "input", "Linear", "Linear", "mul scale", "MultiheadAttention", "add", "Linear"
    ]  # fmt: skip
    assert nodes[3].name == "scale"
