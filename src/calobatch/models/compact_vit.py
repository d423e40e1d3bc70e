"""A compact Vision Transformer: a convolutional stem, and a class token that reads few tokens.

It has what makes Vision Transformers learn from little data: convolutions in place of patches (Xiao
et al., arXiv:2106.14881), few and small tokens (Hassani et al., arXiv:2104.05704), and registers,
which are additional tokens in which attention can store what concerns the whole image (Darcet et
al., arXiv:2309.16588). The blocks are pre-norm, and their heads divide the width of the embedding
(Dosovitskiy et al., arXiv:2010.11929).
Tensor names: T tokens, E embedding, N heads, D width of a head.
"""

import itertools
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional

from calobatch.layouts import Layout


class Attention(nn.Module):
    """Multi-head self-attention whose heads divide the width of the embedding."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.query_key_value = nn.Linear(width, 3 * width)
        self.output = nn.Linear(width, width)

    def forward(self, tokens_BTE: Tensor) -> Tensor:
        """Return the attended tokens (B, T, E)."""
        packed = self.query_key_value(tokens_BTE).unflatten(-1, (3, self.heads, -1))
        query, key, value = packed.permute(2, 0, 3, 1, 4)  # each (B, N, T, D)
        attended_BNTD = functional.scaled_dot_product_attention(query, key, value)
        attended: Tensor = self.output(attended_BNTD.transpose(1, 2).flatten(2))
        return attended


class Block(nn.Module):
    """Attention and a two-layer perceptron, each on normalised tokens and added to its input."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.attention = nn.Sequential(nn.LayerNorm(width), Attention(width, heads))
        self.perceptron = nn.Sequential(
            nn.LayerNorm(width),
            nn.Linear(width, 2 * width),
            nn.GELU(),
            nn.Linear(2 * width, width),
        )

    def forward(self, tokens_BTE: Tensor) -> Tensor:
        """Return the transformed tokens (B, T, E)."""
        tokens_BTE = tokens_BTE + self.attention(tokens_BTE)
        transformed: Tensor = tokens_BTE + self.perceptron(tokens_BTE)
        return transformed


class Model(nn.Module):
    """A stem of convolutions, blocks on its pixels and on the added tokens, and a dense layer.

    Each of the ``halvings`` of the stem halves the rows and columns of the image and doubles the
    number of features, up to ``width``: three make 4 x 4 tokens of a crop of 32 x 32. ``registers``
    is the number of tokens that are added beside the class token.
    """

    inputs: ClassVar = ("image",)

    def __init__(
        self,
        layout: Layout,
        halvings: int = 3,
        width: int = 64,
        heads: int = 4,
        depth: int = 4,
        registers: int = 4,
    ) -> None:
        super().__init__()
        channels, rows, columns = layout.shape
        if width % heads or width >> halvings == 0:
            raise ValueError(
                f"width {width} cannot be divided by {heads} heads, or is too small for "
                f"{halvings} halvings"
            )
        widths = [channels, *(width >> (halvings - step) for step in range(halvings + 1))]
        layers: list[nn.Module] = []
        for step, (before, after) in enumerate(itertools.pairwise(widths)):
            stride = 2 if step else 1
            layers += [
                # A bias would have no effect before the normalisation.
                nn.Conv2d(before, after, 3, stride, padding=1, bias=False),
                nn.BatchNorm2d(after),
                nn.ReLU(),
            ]
            rows, columns = -(-rows // stride), -(-columns // stride)
        self.stem = nn.Sequential(*layers)
        self.position = nn.Parameter(torch.randn(rows * columns, width) * 0.02)
        self.added = nn.Parameter(torch.randn(1 + registers, width) * 0.02)
        self.blocks = nn.Sequential(*(Block(width, heads) for _ in range(depth)))
        self.norm = nn.LayerNorm(width)
        self.classes = nn.Linear(width, len(layout.classes))

    def forward(self, image_BCHW: Tensor) -> Tensor:
        """Return logits (B, K)."""
        pixels_BTE = self.stem(image_BCHW).flatten(2).transpose(1, 2) + self.position
        # Not len(image_BCHW), which would fix the batch size in an exported graph.
        added_BTE = self.added.expand(image_BCHW.shape[0], -1, -1)
        tokens_BTE = self.blocks(torch.cat([added_BTE, pixels_BTE], dim=1))
        logits_BK: Tensor = self.classes(self.norm(tokens_BTE[:, 0]))
        return logits_BK
