"""A transformer whose tokens are the hits of an event.

In the Particle Transformer (Qu et al., arXiv:2202.03772, equation 4), a network computes from each
pair of particles a term that is added to their attention. For hits this would take more time than
all the rest. Here the term is minus the squared distance of the two hits in eta, phi and the
logarithm of their energies, each with a weight per head that is learned. As a squared distance is a
scalar product of a few numbers per hit, these are further components of queries and keys: the term
costs next to nothing, and the fused attention of torch needs no table of pairs. The squares need
more digits than bfloat16 has, so tasks with this model set ``precision: float32``.

Each head of an attention, and each part of the mean over all hits at the end, also weighs the hits
with a power of their energy. The powers are learned and begin between 0 and 1, as in the widths of
showers and the angularities of jets (Larkoski et al., arXiv:1408.3122). Without them, the model
needs several epochs to find out that hits with much energy matter most.

In events with hundreds of hits, their pairs take most of the time. With ``keys``, each hit attends
only to that number of hits, those with the most energy. No hit is left out: each one attends to
others, and each one is in the means at the end.

Tensor names: L hits, M hits that are attended to, F numbers per hit, C channels, V features of a
hit, U coordinates of a distance, E embedding, N heads, D width of a head.
"""

import math
from collections.abc import Mapping
from typing import ClassVar, NamedTuple, Self

import torch
from torch import Tensor, nn
from torch.nn import functional

from calobatch.errors import UserError
from calobatch.layouts import Layout

# Added to the attention of what is no hit, but makes events equally long.
NEVER = -1e4
# Much less than the difference of two logarithms that are not the same, for thousands of hits.
BETWEEN_EQUALS = 1e-12
# Logarithms are asinh(value / SMALLEST) / LOG_UNIT, in the units of the raw files: finite at zero,
# and about 1.
SMALLEST, LOG_UNIT = 1e-3, 5.0
# Lengths are in this part of the longer side of the image.
LENGTH_UNIT = 1 / 8
# Coordinates of a distance: row, column and logarithm of the energy.
COORDINATES = 3


class Features(nn.Module):
    """Computes the features of hits (B, L, V), and their coordinates for distances (B, L, U)."""

    middle: Tensor
    wave_number: Tensor

    def __init__(self, layout: Layout, waves: int) -> None:
        super().__init__()
        size, longer = torch.tensor([layout.height, layout.width]), max(layout.shape[1:])
        self.register_buffer("middle", (size - 1) / 2, persistent=False)
        self.unit = longer * LENGTH_UNIT
        # From one period over the image to one over four pixels.
        periods = torch.logspace(0, math.log10(max(longer / 4, 1)), waves)
        self.register_buffer("wave_number", math.tau * periods / longer, persistent=False)
        self.energies = [n for n, channel in enumerate(layout.channels) if not channel.signed]
        self.number = 6 + 4 * waves + 3 * len(layout.channels)

    def forward(self, hit_BLF: Tensor) -> tuple[Tensor, Tensor]:
        """Return features and coordinates."""
        offset_BL2, value_BLC = hit_BLF[..., :2] - self.middle, hit_BLF[..., 2:]
        energy_BL1 = value_BLC[..., self.energies].abs().sum(2, keepdim=True)
        total_B11 = energy_BL1.sum(1, keepdim=True).clamp_min(SMALLEST)
        centre_B12 = (energy_BL1 * offset_BL2).sum(1, keepdim=True) / total_B11
        from_centre_BL2 = (offset_BL2 - centre_B12) / self.unit
        phase_BLX = (offset_BL2[..., None] * self.wave_number).flatten(2)
        share_BLC = value_BLC / value_BLC.abs().sum(1, keepdim=True).clamp_min(SMALLEST)
        features = [
            offset_BL2 / self.unit,
            from_centre_BL2,
            from_centre_BL2.square(),
            phase_BLX.sin(),
            phase_BLX.cos(),
            _logarithm(value_BLC),
            _logarithm(share_BLC),
            share_BLC,
        ]
        coordinates = [offset_BL2 / self.unit, _logarithm(energy_BL1)]
        return torch.cat(features, dim=2), torch.cat(coordinates, dim=2)


def _logarithm(value: Tensor) -> Tensor:
    return (value / SMALLEST).asinh() / LOG_UNIT


class Hits(NamedTuple):
    """Hits as the attention sees them: their tokens, their coordinates, and which are none."""

    token_BLE: Tensor
    coordinate_BLU: Tensor
    mask_BL1: Tensor  # 0 for a hit, and NEVER for what only makes events equally long

    def strongest(self, number: int) -> Self:
        """Return the ``number`` hits of each event with the most energy.

        An event with fewer hits gets copies of its last one that are masked as no hits. An exported
        graph could not ask how many hits there are.
        """
        energy_BL = functional.pad(self.coordinate_BLU[..., -1], (0, number))
        mask_BL = functional.pad(self.mask_BL1[..., 0], (0, number), value=NEVER)
        # Of hits with the same energy, the first ones: a score must not depend on chance.
        place_L = BETWEEN_EQUALS * torch.arange(energy_BL.shape[1], device=energy_BL.device)
        rank_BL = (energy_BL + mask_BL).double() - place_L
        index_BM = rank_BL.topk(number, dim=1, sorted=False).indices
        hit_BM1 = index_BM.clamp(max=self.token_BLE.shape[1] - 1)[..., None]
        return type(self)(
            self.token_BLE.gather(1, hit_BM1.expand(-1, -1, self.token_BLE.shape[2])),
            self.coordinate_BLU.gather(1, hit_BM1.expand(-1, -1, COORDINATES)),
            mask_BL.gather(1, index_BM)[..., None],
        )


class PairTerms(nn.Module):
    """Computes components of queries and keys whose scalar product is the term of a pair of hits.

    The term is the logarithm of the weight of the key minus the squared distance of the two.
    """

    def __init__(self, heads: int) -> None:
        super().__init__()
        # The first head begins by seeing near and far hits alike, the others see less and less far.
        log_weight_N1 = torch.linspace(-5, 1, heads)[:, None]
        self.log_weight_NU = nn.Parameter(log_weight_N1.repeat(1, COORDINATES))
        self.power_N = nn.Parameter(torch.linspace(0, 1, heads))

    def of_queries(self, coordinate_BLU: Tensor) -> Tensor:
        """Return the components of queries (B, N, L, U + 1)."""
        weighted_BNLU = self._weighted(coordinate_BLU)
        return torch.cat([2 * weighted_BNLU, torch.ones_like(weighted_BNLU[..., :1])], dim=-1)

    def of_keys(self, coordinate_BLU: Tensor, mask_BL1: Tensor) -> Tensor:
        """Return the components of keys (B, N, L, U + 1)."""
        coordinate_B1LU, weighted_BNLU = coordinate_BLU[:, None], self._weighted(coordinate_BLU)
        # The square of the query is left out: it is the same for all keys and has no effect.
        square_BNL1 = (weighted_BNLU * coordinate_B1LU).sum(-1, keepdim=True)
        weight_BLN = _log_weight(self.power_N, coordinate_BLU, mask_BL1)
        of_key_BNL1 = weight_BLN.transpose(1, 2)[..., None] - square_BNL1
        return torch.cat([coordinate_B1LU.expand_as(weighted_BNLU), of_key_BNL1], dim=-1)

    def _weighted(self, coordinate_BLU: Tensor) -> Tensor:
        return self.log_weight_NU.exp()[:, None] * coordinate_BLU[:, None]


def _log_weight(power_N: Tensor, coordinate_BLU: Tensor, mask_BL1: Tensor) -> Tensor:
    """Return the logarithms (B, L, N) of powers of the energy of hits."""
    return LOG_UNIT * power_N * coordinate_BLU[..., -1:] + mask_BL1


class Attention(nn.Module):
    """Multi-head attention with a term for each pair of hits."""

    def __init__(self, width: int, heads: int, size: int) -> None:
        super().__init__()
        self.heads, self.content = heads, size - COORDINATES - 1
        self.query_key = nn.Linear(width, 2 * heads * self.content)
        self.value = nn.Linear(width, heads * size)
        self.output = nn.Linear(heads * size, width)
        self.pair_terms = PairTerms(heads)

    def forward(self, hits: Hits, attended_to: Hits) -> Tensor:
        """Return what each of the ``hits`` gets from those that it attends to (B, L, E)."""
        (query_weight, key_weight), (query_bias, key_bias) = (
            parameter.chunk(2) for parameter in self.query_key.parameters()
        )
        query_BNLD = self._heads(functional.linear(hits.token_BLE, query_weight, query_bias))
        key_BNMD = self._heads(functional.linear(attended_to.token_BLE, key_weight, key_bias))
        value_BNMD = self._heads(self.value(attended_to.token_BLE))
        of_query = self.pair_terms.of_queries(hits.coordinate_BLU)
        of_key = self.pair_terms.of_keys(attended_to.coordinate_BLU, attended_to.mask_BL1)
        query = torch.cat([query_BNLD / self.content**0.5, of_query], dim=-1)
        key = torch.cat([key_BNMD, of_key], dim=-1)
        attended_BNLD = functional.scaled_dot_product_attention(query, key, value_BNMD, scale=1.0)
        attended: Tensor = self.output(attended_BNLD.transpose(1, 2).flatten(2))
        return attended

    def _heads(self, part_BLX: Tensor) -> Tensor:
        """Divide the components of tokens among the heads: (B, N, L, D)."""
        batch, length, _ = part_BLX.shape
        return part_BLX.view(batch, length, self.heads, -1).transpose(1, 2)


class Block(nn.Module):
    """Attention and a two-layer perceptron, each on normalised tokens and added to its input."""

    def __init__(self, width: int, heads: int, size: int, keys: int | None) -> None:
        super().__init__()
        self.keys = keys
        self.norm = nn.LayerNorm(width)
        self.attention = Attention(width, heads, size)
        self.perceptron = nn.Sequential(
            nn.LayerNorm(width),
            nn.Linear(width, 2 * width),
            nn.GELU(),
            nn.Linear(2 * width, width),
        )

    def forward(self, hits: Hits) -> Hits:
        """Return the hits with transformed tokens."""
        normalised = hits._replace(token_BLE=self.norm(hits.token_BLE))
        attended_to = normalised if self.keys is None else normalised.strongest(self.keys)
        token_BLE = hits.token_BLE + self.attention(normalised, attended_to)
        return hits._replace(token_BLE=token_BLE + self.perceptron(token_BLE))


class Shares(nn.Module):
    """Computes the share (B, L, N) of each hit in the means, given its score of each mean."""

    def __init__(self, means: int) -> None:
        super().__init__()
        self.power_N = nn.Parameter(torch.linspace(0, 1, means))

    def forward(self, score_BLN: Tensor, coordinate_BLU: Tensor, mask_BL1: Tensor) -> Tensor:
        """Return the shares; those of all hits of an event are 1 together."""
        return (score_BLN + _log_weight(self.power_N, coordinate_BLU, mask_BL1)).softmax(1)


class Model(nn.Module):
    """Blocks on the hits, a mean over them with weights of their own per head, two dense layers.

    ``head_size`` is the number of components of queries, keys and values, four of which are for
    distances and weights. ``keys`` is the number of hits that a hit attends to; None means all, at
    a cost that grows with the square of the number of hits. ``waves`` is the number of wavelengths
    in which a hit is told its row and column. ``towers`` has the sizes of the towers of coarse
    channels, in pixels, by the names of the channels.
    """

    inputs: ClassVar = ("hits",)

    def __init__(
        self,
        layout: Layout,
        width: int = 48,
        heads: int = 3,
        head_size: int = 16,
        depth: int = 2,
        keys: int | None = None,
        waves: int = 4,
        towers: Mapping[str, int] | None = None,
    ) -> None:
        super().__init__()
        self.towers = dict(towers or {})
        if width % heads or head_size < COORDINATES + 2:
            raise UserError(
                f"model hit_transformer: width is {width}, heads is {heads} and head_size is "
                f"{head_size}; set width to a multiple of heads, and head_size to "
                f"{COORDINATES + 2} or more"
            )
        if keys is not None and keys < 1:
            raise UserError(f"model hit_transformer: keys is {keys}; set it to 1 or more")
        self.features = Features(layout, waves)
        self.embedding = nn.Sequential(
            nn.Linear(self.features.number, width), nn.GELU(), nn.Linear(width, width)
        )
        self.blocks = nn.ModuleList(Block(width, heads, head_size, keys) for _ in range(depth))
        self.norm = nn.LayerNorm(width)
        self.score, self.shares = nn.Linear(width, heads), Shares(heads)
        self.classes = nn.Sequential(
            nn.Linear(width, width), nn.GELU(), nn.Linear(width, len(layout.classes))
        )

    def forward(self, hit_BLF: Tensor) -> Tensor:
        """Return logits (B, K)."""
        feature_BLV, coordinate_BLU = self.features(hit_BLF)
        mask_BL1 = NEVER * (hit_BLF[..., 2:] == 0).all(2, keepdim=True)
        hits = Hits(self.embedding(feature_BLV), coordinate_BLU, mask_BL1)
        for block in self.blocks:
            hits = block(hits)
        token_BLE = self.norm(hits.token_BLE)
        share_BLN = self.shares(self.score(token_BLE), coordinate_BLU, mask_BL1)
        part_BLND = token_BLE.unflatten(2, (share_BLN.shape[2], -1))
        logits_BK: Tensor = self.classes((share_BLN[..., None] * part_BLND).sum(1).flatten(1))
        return logits_BK
