"""The transformer of hits: what it must not depend on, and what its attention is."""

import math

import pytest
import torch

from calobatch.errors import UserError
from calobatch.models.build import build_model, towers_of
from calobatch.models.hit_transformer import LOG_UNIT, NEVER, Hits
from calobatch.models.trial import try_model
from tests.layouts import ELECTRON_PHOTON, QUARK_GLUON


def built(**options):
    torch.manual_seed(0)
    model = build_model("hit_transformer", ELECTRON_PHOTON, options).eval()
    for parameter in model.parameters():
        parameter.data += 0.1 * torch.randn_like(parameter)
    return model


# Fewer and more keys than the events here have hits.
@pytest.fixture(params=[{}, {"keys": 7}, {"keys": 30}], ids=str)
def model(request):
    return built(**request.param)


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


def test_more_keys_than_hits_are_as_good_as_all(hit_BLF):
    expected = built()(hit_BLF)
    assert_same(built(keys=30)(hit_BLF), expected)
    assert not torch.allclose(built(keys=7)(hit_BLF), expected, rtol=1e-4)


def test_the_keys_are_the_hits_with_the_most_energy_and_the_first_ones_of_equals():
    energy_BL = torch.tensor([[0.1, 3.0, 0.1, 2.0, 0.0], [0.3, 0.0, 0.0, 0.0, 0.0]])
    mask_BL1 = NEVER * (energy_BL == 0)[..., None]
    token_BLE = torch.arange(10.0).reshape(2, 5, 1)
    found = Hits(token_BLE, energy_BL[..., None].expand(-1, -1, 3), mask_BL1).strongest(3)
    assert found.token_BLE.shape == (2, 3, 1)
    first, second = (
        token_LE[mask_L1 == 0].tolist()
        for token_LE, mask_L1 in zip(found.token_BLE, found.mask_BL1, strict=True)
    )
    assert (sorted(first), second) == ([0.0, 1.0, 3.0], [5.0])


def test_attention_has_a_term_for_the_distance_of_a_pair_and_a_power_of_the_energy(hit_BLF):
    model = built()
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
    hits = Hits(token_BLE, coordinate_BLU, mask_BL1)
    assert_same(attention(hits, hits), expected)


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


def test_a_hit_attends_to_one_at_least():
    with pytest.raises(UserError, match="keys is 0; set it to 1 or more"):
        build_model("hit_transformer", ELECTRON_PHOTON, {"keys": 0})


def test_half_precision_gives_nearly_the_same_logits(model, hit_BLF):
    with torch.autocast("cpu", torch.bfloat16):
        found = model(hit_BLF)
    found.float().sum().backward()
    torch.testing.assert_close(found.float(), model(hit_BLF), rtol=0.1, atol=0.05)
