"""Compare the reference models with plain rewrites of their publications, on the same weights.

The rewrites follow the layers of the notebooks and use no code of calobatch.models. Where the
publication is in TensorFlow, they have the channels last and the kinds of layers of Keras.
"""

import numpy as np
import pytest
import torch
from torch.nn.functional import gelu, relu

from calobatch.models.build import build_model
from tests.layouts import ELECTRON_PHOTON, QUARK_GLUON

EVENTS = 3


def same_convolution(image_BHWC, kernel_OIHW, bias_O):
    """Slide a kernel over zero-padded pixels; an even one has its extra zeros right and below."""
    size, height, width = kernel_OIHW.shape[2], *image_BHWC.shape[1:3]
    before = (size - 1) // 2
    padded = torch.zeros(len(image_BHWC), height + size, width + size, image_BHWC.shape[3])
    padded[:, before : before + height, before : before + width] = image_BHWC
    result = bias_O.expand(len(image_BHWC), height, width, len(bias_O))
    for row in range(size):
        for column in range(size):
            pixels = padded[:, row : row + height, column : column + width]
            result = result + pixels @ kernel_OIHW[:, :, row, column].T
    return result


def max_pool(image_BHWC, size):
    batch, height, width, channels = image_BHWC.shape
    tiles = image_BHWC.reshape(batch, height // size, size, width // size, size, channels)
    return tiles.amax(dim=(2, 4))


def flat(image_BHWC):
    """Flatten in the order of the module's dense layers: channel, row, column."""
    return image_BHWC.permute(0, 3, 1, 2).reshape(len(image_BHWC), -1)


def dense(x, weights, name):
    return x @ weights[f"{name}.weight"].T + weights[f"{name}.bias"]


def norm(x, weights, name):
    centred = x - x.mean(-1, keepdim=True)
    scaled = centred / ((centred**2).mean(-1, keepdim=True) + 1e-6).sqrt()
    return scaled * weights[f"{name}.weight"] + weights[f"{name}.bias"]


def two_branch_cnn(weights, image):
    """Task 1, TensorFlow."""
    joined = []
    for branch in (0, 1):
        names = f"branches.{branch}"
        kernel, bias = weights[f"{names}.1.weight"], weights[f"{names}.1.bias"]
        x = relu(same_convolution(image[..., branch : branch + 1], kernel, bias))
        joined.append(relu(dense(flat(max_pool(x, 4)), weights, f"{names}.5")))
    x = relu(dense(torch.cat(joined, dim=1), weights, "join.0"))
    return dense(x, weights, "join.2")


def cnn(weights, image):
    """Task 1, PyTorch."""
    x = relu(same_convolution(image, weights["layers.1.weight"], weights["layers.1.bias"]))
    x = relu(dense(flat(max_pool(x, 2)), weights, "layers.5"))
    return dense(x, weights, "layers.7")


def jet_cnn(weights, image, scalars):
    """Task 2, TensorFlow."""
    x = relu(same_convolution(image, weights["image.0.weight"], weights["image.0.bias"]))
    x = relu(dense(flat(max_pool(x, 5)), weights, "image.4"))
    pt = relu(dense(scalars[:, :1], weights, "scalars.0.0"))
    m0 = relu(dense(scalars[:, 1:], weights, "scalars.1.0"))
    return dense(torch.cat([x, pt, m0], dim=1), weights, "join")


def attention(tokens, weights, name):
    """Two heads of size 64, each with its own query, key and value of every token."""
    projected = dense(tokens, weights, f"{name}.query_key_value")
    query, key, value = (projected[..., 128 * k : 128 * (k + 1)] for k in range(3))
    heads = []
    for head in (slice(0, 64), slice(64, 128)):
        match = query[..., head] @ key[..., head].mT / 64**0.5
        heads.append(torch.softmax(match, dim=-1) @ value[..., head])
    return dense(torch.cat(heads, dim=-1), weights, f"{name}.output")


def vision_transformer(weights, image):
    """Task 3, TensorFlow."""
    corners = [(row, column) for row in range(0, 32, 2) for column in range(0, 32, 2)]
    patches = [image[:, r : r + 2, c : c + 2].permute(0, 3, 1, 2).flatten(1) for r, c in corners]
    x = dense(torch.stack(patches, dim=1), weights, "embed") + weights["position"]
    for block in ("blocks.0", "blocks.1"):
        normed = norm(x, weights, f"{block}.attention.0")
        x = x + attention(normed, weights, f"{block}.attention.1")
        normed = norm(x, weights, f"{block}.perceptron.0")
        hidden = gelu(dense(normed, weights, f"{block}.perceptron.1"))
        x = x + gelu(dense(hidden, weights, f"{block}.perceptron.3"))
    x = norm(x, weights, "head.0").flatten(1)
    x = gelu(dense(x, weights, "head.2"))
    x = gelu(dense(x, weights, "head.4"))
    return dense(x, weights, "head.6")


PUBLISHED = {
    two_branch_cnn: ELECTRON_PHOTON,
    cnn: ELECTRON_PHOTON,
    jet_cnn: QUARK_GLUON,
    vision_transformer: ELECTRON_PHOTON,
}


@pytest.mark.parametrize("published", PUBLISHED, ids=lambda published: published.__name__)
def test_the_logits_are_those_of_the_published_layers(published):
    layout = PUBLISHED[published]
    torch.manual_seed(0)
    model = build_model(published.__name__, layout, {})
    for weight in model.parameters():  # biases of zero and scales of one would hide a mistake
        weight.data.normal_(0, 0.2 if weight.dim() == 1 else weight[0].numel() ** -0.5)
    image_BCHW = torch.randn(EVENTS, *layout.shape)
    scalars = [torch.randn(EVENTS, len(layout.scalars))] if layout.scalars else []
    with torch.no_grad():
        logits = model(image_BCHW, *scalars)
        expected = published(model.state_dict(), image_BCHW.permute(0, 2, 3, 1), *scalars)
    assert logits.abs().max() > 0.05
    np.testing.assert_allclose(logits, expected, atol=1e-4)


def test_attention_starts_from_the_fans_that_keras_counts():
    """Glorot-uniform kernels (64, 2, 64) and (2, 64, 64); all but two dimensions multiply fans."""
    torch.manual_seed(0)
    for block in build_model("vision_transformer", ELECTRON_PHOTON, {}).blocks:
        layer = block.attention[1]
        for weight, fans in (
            (layer.query_key_value.weight, 64 * 2 + 64 * 64),
            (layer.output.weight, 2 * 64 + 2 * 64),
        ):
            bound = (6 / fans) ** 0.5
            assert 0.99 * bound < weight.abs().max() <= bound
            assert weight.std().item() == pytest.approx(bound / 3**0.5, rel=0.03)
        assert not layer.query_key_value.bias.any()
