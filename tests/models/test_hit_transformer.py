"""The transformer of hits: what it must not depend on, and what its attention is."""

import math

import pytest
import torch

from calobatch.errors import UserError
from calobatch.models.build import build_model, towers_of
from calobatch.models.hit_transformer import LOG_UNIT, NEVER
from calobatch.models.trial import try_model
from tests.layouts import ELECTRON_PHOTON, QUARK_GLUON


@pytest.fixture
def model():
    torch.manual_seed(0)
    built = build_model("hit_transformer", ELECTRON_PHOTON, {}).eval()
    for parameter in built.parameters():
        parameter.data += 0.1 * torch.randn_like(parameter)
    return built


@pytest.fixture
def hit_BLF():
    draw = torch.Generator().manual_seed(1)
    position = torch.randint(32, (4, 20, 2), generator=draw).float()
    value = torch.randn(4, 20, 2, generator=draw) * 0.1
    return torch.cat([position, value], dim=2)


def assert_same(found, expected):
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5)


def test_hits_of_zeros_and_the_order_of_hits_change_nothing(model, hit_BLF):
    expected = model(hit_BLF)
    assert_same(model(torch.cat([hit_BLF, torch.zeros(4, 9, 4)], dim=1)), expected)
    assert_same(model(hit_BLF[:, torch.randperm(20)]), expected)
    assert not torch.allclose(model(hit_BLF[:, :-1]), expected, rtol=1e-4)


def test_an_event_without_hits_has_finite_logits_and_gradients(model):
    logits = model(torch.zeros(3, 1, 4))
    logits.sum().backward()
    assert torch.isfinite(logits).all()
    assert all(torch.isfinite(parameter.grad).all() for parameter in model.parameters())


def test_attention_has_a_term_for_the_distance_of_a_pair_and_a_power_of_the_energy(model, hit_BLF):
    attention = model.blocks[0].attention
    token_BLE, (_, coordinate_BLU) = torch.randn(4, 20, 48), model.features(hit_BLF)
    mask_BL1 = torch.zeros(4, 20, 1)
    mask_BL1[:, 15:] = NEVER
    query, key = (
        part.unflatten(-1, (attention.heads, -1)).transpose(1, 2)
        for part in attention.query_key(token_BLE).chunk(2, dim=-1)
    )
    value = attention.value(token_BLE).unflatten(-1, (attention.heads, -1)).transpose(1, 2)
    pair_BLLU = coordinate_BLU[:, :, None] - coordinate_BLU[:, None]
    distance_BLLN = pair_BLLU.square() @ attention.pair_terms.log_weight_NU.exp().T
    # The coordinate is the logarithm of the energy, so this is that of a power of the energy.
    power_BLN = attention.pair_terms.power_N * LOG_UNIT * coordinate_BLU[..., 2:]
    logit = query @ key.transpose(2, 3) / math.sqrt(query.shape[-1])
    logit = logit - distance_BLLN.permute(0, 3, 1, 2) + power_BLN.transpose(1, 2)[:, :, None]
    logit[..., 15:] = -math.inf
    expected = attention.output((logit.softmax(-1) @ value).transpose(1, 2).flatten(2))
    assert_same(attention(token_BLE, coordinate_BLU, mask_BL1), expected)


@pytest.mark.parametrize(
    ("towers", "message"),
    [
        ({"HCAL": 5}, r"towers has 'HCAL', which is not a channel .* are track pT"),
        ({"ECAL energy": 0}, r"size of 'ECAL energy' is 0; give a whole number .* 1 to 125"),
        ({"ECAL energy": 2.5}, r"size of 'ECAL energy' is 2\.5; give"),
        ({"ECAL energy": 126}, r"size of 'ECAL energy' is 126; give"),
    ],
)
def test_impossible_towers_are_refused_before_the_first_job(towers, message):
    model = build_model("hit_transformer", QUARK_GLUON, {"towers": towers})
    with pytest.raises(UserError, match=message):
        try_model(model, "hit_transformer", QUARK_GLUON)


def test_towers_are_those_of_models_of_hits_only():
    towers = {"HCAL tower energy / 25": 5}
    assert towers_of(build_model("hit_transformer", QUARK_GLUON, {"towers": towers})) == towers
    other = build_model("resnet", QUARK_GLUON, {})
    other.towers = torch.nn.ModuleList([torch.nn.Identity()])
    assert towers_of(other) == {}


@pytest.mark.parametrize("options", [{"width": 50}, {"head_size": 4}])
def test_sizes_that_do_not_fit_are_refused(options):
    with pytest.raises(UserError, match="set width to a multiple of heads, and head_size to 5"):
        build_model("hit_transformer", ELECTRON_PHOTON, options)


def test_half_precision_gives_nearly_the_same_logits(model, hit_BLF):
    with torch.autocast("cpu", torch.bfloat16):
        found = model(hit_BLF)
    found.float().sum().backward()
    torch.testing.assert_close(found.float(), model(hit_BLF), rtol=0.1, atol=0.05)
