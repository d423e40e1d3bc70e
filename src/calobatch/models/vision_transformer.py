"""A Vision Transformer on patches of the crop, pre-norm, with a dense head on all tokens.

Layer for layer the TensorFlow model of github.com/abh1-ja1n/ml4sci, task 3: heads are as wide as
the embedding (so attention is ``heads * width`` wide inside), GELU stands after both dense layers
of a block, normalisation uses 1e-6, and there is no dropout. Position embeddings start uniform in
+-0.05, as a Keras embedding does.
Tensor names: T tokens, P values of a patch, E embedding, N heads, D width of a head.
"""

from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional

from calobatch.layouts import Layout
from calobatch.models.keras_weights import glorot_uniform_, start_as_keras

EPSILON = 1e-6


class Attention(nn.Module):
    """Multi-head self-attention whose heads are each ``width`` wide."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.query_key_value = nn.Linear(width, 3 * heads * width)
        self.output = nn.Linear(heads * width, width)

    def forward(self, tokens_BTE: Tensor) -> Tensor:
        """Return the attended tokens (B, T, E)."""
        batch, tokens, width = tokens_BTE.shape
        packed = self.query_key_value(tokens_BTE).reshape(batch, tokens, 3, self.heads, width)
        query, key, value = packed.permute(2, 0, 3, 1, 4)  # each (B, N, T, D)
        attended_BNTD = functional.scaled_dot_product_attention(query, key, value)
        attended: Tensor = self.output(attended_BNTD.transpose(1, 2).flatten(2))
        return attended

    def start_as_keras(self) -> None:
        """Draw the weights anew, by the shapes that they have in Keras: (E, N, D) and (N, D, E).

        Keras takes all dimensions but the last two for a receptive field, which multiplies both
        fans (VarianceScaling in its initializers); its queries, keys and values so start small.
        """
        inner, width = self.output.in_features, self.output.out_features
        glorot_uniform_(self.query_key_value.weight, fan_in=inner, fan_out=width**2)
        glorot_uniform_(self.output.weight, fan_in=inner, fan_out=inner)


class Block(nn.Module):
    """Attention and a two-layer perceptron, each on normalised tokens and added to its input."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.attention = nn.Sequential(nn.LayerNorm(width, EPSILON), Attention(width, heads))
        self.perceptron = nn.Sequential(
            nn.LayerNorm(width, EPSILON),
            nn.Linear(width, 2 * width),
            nn.GELU(),
            nn.Linear(2 * width, width),
            nn.GELU(),
        )

    def forward(self, tokens_BTE: Tensor) -> Tensor:
        """Return the transformed tokens (B, T, E)."""
        tokens_BTE = tokens_BTE + self.attention(tokens_BTE)
        transformed: Tensor = tokens_BTE + self.perceptron(tokens_BTE)
        return transformed


class Model(nn.Module):
    """Patches, blocks, and a dense head on the flattened tokens."""

    inputs: ClassVar = ("image",)

    def __init__(
        self, layout: Layout, patch: int = 2, width: int = 64, heads: int = 2, depth: int = 2
    ) -> None:
        super().__init__()
        channels, height, columns = layout.shape
        if height % patch or columns % patch:
            raise ValueError(f"patch {patch} does not divide an image of {height} x {columns}")
        tokens = (height // patch) * (columns // patch)
        self.patch = patch
        self.embed = nn.Linear(channels * patch**2, width)
        self.position = nn.Parameter(torch.empty(tokens, width).uniform_(-0.05, 0.05))
        self.blocks = nn.Sequential(*(Block(width, heads) for _ in range(depth)))
        self.head = nn.Sequential(
            nn.LayerNorm(width, EPSILON),
            nn.Flatten(),
            nn.Linear(tokens * width, 512),
            nn.GELU(),
            nn.Linear(512, 256),
            nn.GELU(),
            nn.Linear(256, len(layout.classes)),
        )
        start_as_keras(self)
        for layer in self.modules():
            if isinstance(layer, Attention):
                layer.start_as_keras()

    def forward(self, image_BCHW: Tensor) -> Tensor:
        """Return logits (B, K)."""
        patches_BPT = functional.unfold(image_BCHW, kernel_size=self.patch, stride=self.patch)
        tokens_BTE = self.embed(patches_BPT.transpose(1, 2)) + self.position
        logits_BK: Tensor = self.head(self.blocks(tokens_BTE))
        return logits_BK
