"""The reference models: parameter counts computed by hand, layer by layer, and what they take."""

import os
import stat

import numpy as np
import pytest
import torch

from calobatch.errors import UserError
from calobatch.models.build import (
    build_model,
    example_inputs,
    load_weights,
    parameter_count,
    save_weights,
)
from tests.layouts import ELECTRON_PHOTON, QUARK_GLUON

MODELS = {
    "two_branch_cnn": ELECTRON_PHOTON,
    "cnn": ELECTRON_PHOTON,
    "jet_cnn": QUARK_GLUON,
    "vision_transformer": ELECTRON_PHOTON,
    "resnet": ELECTRON_PHOTON,
    "compact_vit": ELECTRON_PHOTON,
    "hit_transformer": ELECTRON_PHOTON,
}

# Weights and biases of each layer, from the published descriptions.
BRANCH = (4 * 4 * 1 * 3 + 3) + (3 * 8 * 8 * 32 + 32)
ATTENTION = (64 * 3 * 128 + 3 * 128) + (128 * 64 + 64)
PERCEPTRON = (64 * 128 + 128) + (128 * 64 + 64)
NORM = 64 + 64


def convolution(before, after, kernel=3):
    """A convolution without biases, and the scales and offsets of its normalisation."""
    return kernel * kernel * before * after + 2 * after


def wider(before, after):
    """The two blocks of a stage with more features than before, and the shortcut into it."""
    return (
        convolution(before, after) + 3 * convolution(after, after) + convolution(before, after, 1)
    )


def dense(before, after):
    return before * after + after


# Queries and keys of 12 components, values of 16, output; three distances and a power per head.
HITS_ATTENTION = 2 * dense(48, 3 * 12) + dense(48, 3 * 16) + dense(3 * 16, 48) + 3 * (3 + 1)

BY_HAND = {
    "two_branch_cnn": 2 * BRANCH + (64 * 8 + 8) + (8 * 2 + 2),
    "cnn": (2 * 2 * 2 * 16 + 16) + (16 * 16 * 16 * 64 + 64) + (64 * 2 + 2),
    "jet_cnn": (5 * 5 * 3 * 3 + 3) + (1875 * 12 + 12) + 2 * (1 * 4 + 4) + (20 * 2 + 2),
    "vision_transformer": (8 * 64 + 64)
    + 256 * 64
    + 2 * (NORM + ATTENTION + NORM + PERCEPTRON)
    + NORM
    + (256 * 64 * 512 + 512)
    + (512 * 256 + 256)
    + (256 * 2 + 2),
    "resnet": convolution(2, 16)
    + 4 * convolution(16, 16)
    + wider(16, 32)
    + wider(32, 64)
    + (64 * 2 + 2),
    "compact_vit": convolution(2, 8)
    + convolution(8, 16)
    + convolution(16, 32)
    + convolution(32, 64)
    + (4 * 4 + 1 + 4) * 64
    + 4 * (2 * NORM + (64 * 192 + 192) + (64 * 64 + 64) + PERCEPTRON)
    + NORM
    + (64 * 2 + 2),
    # Position, its offset from the centre and the square of that; waves; three numbers per channel.
    "hit_transformer": dense(3 * 2 + 4 * 4 + 3 * 2, 48)
    + dense(48, 48)
    + 2 * (2 * 2 * 48 + HITS_ATTENTION + dense(48, 96) + dense(96, 48))
    + 2 * 48
    + (dense(48, 3) + 3)
    + dense(48, 48)
    + dense(48, 2),
}


@pytest.mark.parametrize("name", MODELS)
def test_parameters_are_those_counted_by_hand(name):
    assert parameter_count(build_model(name, MODELS[name], {})) == BY_HAND[name]


def test_a_resnet_15_has_15_convolutions():
    layers = build_model("resnet", ELECTRON_PHOTON, {}).modules()
    assert sum(isinstance(layer, torch.nn.Conv2d) for layer in layers) == 15


def test_a_resnet_sees_only_the_channels_that_it_is_told_to_use():
    energy, time = torch.rand(2, 4, 1, 32, 32)
    model = build_model("resnet", ELECTRON_PHOTON, {"channels": ["energy"]}).eval()
    logits = model(torch.cat([energy, time], dim=1))
    assert torch.equal(logits, model(torch.cat([energy, 2 * time], dim=1)))
    assert not torch.equal(logits, model(torch.cat([2 * energy, time], dim=1)))
    with pytest.raises(UserError, match="no channel 'tracks'"):
        build_model("resnet", ELECTRON_PHOTON, {"channels": ["tracks"]})


@pytest.mark.parametrize(
    ("name", "published"), [("cnn", 262e3), ("jet_cnn", 22.8e3), ("vision_transformer", 8.6e6)]
)
def test_parameters_agree_with_the_published_round_figure(name, published):
    assert BY_HAND[name] == pytest.approx(published, rel=0.01)


@pytest.mark.parametrize("name", MODELS)
def test_an_event_gets_the_same_logits_alone_and_in_a_batch(name):
    torch.manual_seed(0)
    model = build_model(name, MODELS[name], {}).eval()
    batch = tuple(torch.rand_like(x) for x in example_inputs(model, MODELS[name], batch=3))
    together = model(*batch)
    assert together.shape == (3, 2)
    for event in range(3):
        alone = model(*(x[event : event + 1] for x in batch))
        torch.testing.assert_close(alone[0], together[event], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", MODELS)
def test_logits_are_not_probabilities(name):
    """A softmax inside the model, before the cross-entropy, was a defect of the references."""
    torch.manual_seed(0)
    model = build_model(name, MODELS[name], {}).eval()
    batch = (10 * torch.rand_like(x) for x in example_inputs(model, MODELS[name], batch=8))
    logits = model(*batch)
    assert not torch.allclose(logits.sum(dim=1), torch.ones(8), atol=1e-3)


@pytest.mark.parametrize("name", MODELS)
def test_every_input_and_every_parameter_matters(name):
    torch.manual_seed(0)
    model = build_model(name, MODELS[name], {})
    batch = tuple(
        torch.rand_like(x).requires_grad_() for x in example_inputs(model, MODELS[name], batch=16)
    )
    (model(*batch) ** 2).sum().backward()
    assert all(x.grad.abs().sum() > 0 for x in batch)
    assert all(p.grad is not None for p in model.parameters())
    trained = [p.grad.abs().sum() > 0 for p in model.parameters()]
    assert np.mean(trained) > 0.8  # a ReLU may be off for all of a few events, no more


def test_the_two_branches_share_no_weights_and_see_one_channel_each():
    model = build_model("two_branch_cnn", ELECTRON_PHOTON, {}).eval()
    image = torch.rand(4, 2, 32, 32, requires_grad=True)
    model.branches[0](image[:, :1]).sum().backward()
    assert image.grad[:, 0].abs().sum() > 0
    assert image.grad[:, 1].abs().sum() == 0
    assert not torch.equal(model.branches[0][1].weight, model.branches[1][1].weight)


def test_a_patch_of_the_vision_transformer_is_two_by_two_pixels_of_all_channels():
    model = build_model("vision_transformer", ELECTRON_PHOTON, {})
    assert model.embed.in_features == 8
    assert model.position.shape == (256, 64)


def test_weights_survive_saving_and_loading_without_pickle(tmp_path):
    torch.manual_seed(0)
    model = build_model("cnn", ELECTRON_PHOTON, {})
    save_weights(model.state_dict(), tmp_path / "model.safetensors")
    other = build_model("cnn", ELECTRON_PHOTON, {})
    load_weights(other, tmp_path / "model.safetensors")
    for name, tensor in model.state_dict().items():
        assert torch.equal(tensor, other.state_dict()[name])


def test_weights_of_a_different_model_are_refused(tmp_path):
    save_weights(
        build_model("cnn", ELECTRON_PHOTON, {}).state_dict(), tmp_path / "model.safetensors"
    )
    with pytest.raises(
        UserError,
        match=r"^cannot load the weights of the model from .*model\.safetensors: .*size mismatch",
    ):
        load_weights(
            build_model("cnn", ELECTRON_PHOTON, {"filters": 3}), tmp_path / "model.safetensors"
        )


def test_an_unknown_option_is_refused_with_the_known_ones():
    with pytest.raises(UserError, match=r"filter_count.*; its options are filters, width"):
        build_model("cnn", ELECTRON_PHOTON, {"filter_count": 3})


@pytest.mark.parametrize(
    ("model", "options"),
    [
        ("cnn", {"filters": "three"}),
        ("cnn", {"width": 2.5}),
        ("cnn", {"width": -1}),
        ("vision_transformer", {"patch": 0}),
        ("vision_transformer", {"heads": None}),
    ],
)
def test_an_option_that_the_model_cannot_use_is_named_with_the_model(model, options):
    (option, value), *_ = options.items()
    with pytest.raises(UserError, match=f"model_options of {model}: .* {option}={value!r}: "):
        build_model(model, ELECTRON_PHOTON, options)


def test_a_patch_that_does_not_divide_the_image_is_refused():
    with pytest.raises(UserError, match="patch 5 does not divide"):
        build_model("vision_transformer", ELECTRON_PHOTON, {"patch": 5})


def test_weights_can_be_read_by_whom_the_umask_lets(tmp_path):
    before = os.umask(0o022)
    try:
        save_weights({"a": torch.zeros(1)}, tmp_path / "model.safetensors")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "model.safetensors").stat().st_mode) == 0o644


def test_a_compact_transformer_has_at_most_a_twentieth_of_the_parameters_of_the_reference():
    compact, reference = (
        parameter_count(build_model(name, ELECTRON_PHOTON, {}))
        for name in ("compact_vit", "vision_transformer")
    )
    assert compact <= reference / 20


def test_every_token_of_a_compact_transformer_reaches_the_class_token():
    torch.manual_seed(1)
    model = build_model("compact_vit", ELECTRON_PHOTON, {}).eval()
    image = torch.zeros(1, 2, 32, 32)
    before = model(image)
    for row in (0, 31):
        for column in (0, 31):
            changed = image.clone()
            changed[0, 0, row, column] = 5.0
            assert not torch.equal(model(changed), before)


def test_options_of_a_compact_transformer_that_do_not_fit_are_named():
    for options in ({"heads": 3}, {"width": 4, "heads": 1}):
        with pytest.raises(UserError, match=r"cannot be divided by .* too small for 3 halvings"):
            build_model("compact_vit", ELECTRON_PHOTON, options)
