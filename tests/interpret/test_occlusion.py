"""The map shows where a model looks, and the AUC falls without the input that it uses."""

import numpy as np
import pytest
import torch

from calobatch.config.dataset import Split
from calobatch.interpret.chosen import affordable, spread_events
from calobatch.interpret.occlusion import PATCHES, Occlusion, patches_of
from calobatch.interpret.scorer import Scorer
from calobatch.interpret.without import without_inputs
from calobatch.models.build import build_model
from calobatch.pack.pack import pack
from calobatch.progress import Progress
from calobatch.store import open_store
from tests.interpret.one_pixel import CHANNEL, COLUMN, ROW, Model
from tests.layouts import ELECTRON_PHOTON, LAYOUTS, QUARK_GLUON, SMALL_JETS
from tests.raw_files import Events, random_events, write_hdf5

FALL = 1 / (1 + np.exp(-2)) - 1 / (1 + np.exp(2))


def store_with(layout, labels, folder, image_BCHW=None):
    events = random_events(layout, labels, seed=2)
    image = events.image_BCHW if image_BCHW is None else image_BCHW
    image = np.nan_to_num(np.clip(image, -10, 10))
    write_hdf5(folder / "raw.hdf5", layout, Events(image, *events[1:]))
    layout = layout.model_copy(update={"official_test_mark": None, "shares": None})
    pack("data", layout, [folder / "raw.hdf5"], folder / "store", split=Split(), zero_below=0.0)
    return open_store(folder / "store")


@pytest.fixture
def crops(tmp_path):
    """Crops in which the pixel that the model looks at is hit in most electrons, few photons."""
    random = np.random.default_rng(1)
    label = np.arange(100) % 2
    image_BCHW = np.zeros((100, *ELECTRON_PHOTON.shape), np.float32)
    image_BCHW[:, 0] = random.random((100, 32, 32)) * (random.random((100, 32, 32)) < 0.05)
    image_BCHW[:, 0, 16, 16] = 1
    image_BCHW[:, CHANNEL, ROW, COLUMN] = random.random(100) < np.where(label, 0.9, 0.2)
    return store_with(ELECTRON_PHOTON, label.tolist(), tmp_path, image_BCHW)


@pytest.fixture
def silent():
    return Progress("interpret", None, "images", quiet=True)


@pytest.mark.parametrize("layout", [*LAYOUTS.values(), SMALL_JETS], ids=["crops", "jets", "small"])
def test_patches_divide_the_image_with_the_middle_pixel_in_the_middle_of_one(layout):
    patches = patches_of(layout)
    assert sorted(set(patches.number_HW.ravel().tolist())) == list(range(patches.total))
    rows, columns = np.nonzero(
        patches.number_HW == patches.number_HW[layout.height // 2, layout.width // 2]
    )
    assert len(rows) == patches.size**2
    for places, length in ((rows, layout.height), (columns, layout.width)):
        assert sorted(places)[len(places) // 2] == length // 2
    assert max(np.bincount(patches.number_HW.ravel())) == patches.size**2
    assert patches.total <= (PATCHES + 1) ** 2


def test_the_map_is_zero_except_where_the_model_looks(crops, silent):
    events = np.arange(len(crops))
    occlusion = Occlusion(crops, events)
    fall_KCHW = occlusion.falls(Scorer(Model(), crops.layout), silent)
    patch_HW = occlusion.patches.number_HW == occlusion.patches.number_HW[ROW, COLUMN]
    image_BCHW = crops.dense(events)
    hit = image_BCHW[:, CHANNEL, ROW, COLUMN] > 0
    for label, sign in ((0, -1), (1, 1)):
        expected = sign * FALL * hit[crops.label == label].mean()
        assert fall_KCHW[label, CHANNEL][patch_HW] == pytest.approx(expected, abs=1e-6)
    outside = fall_KCHW.copy()
    outside[:, CHANNEL, patch_HW] = 0
    assert not outside.any()


def test_patches_without_hits_are_left_out_and_change_nothing(tmp_path, silent):
    """The same maps come out if every patch of every event is scored."""
    store = store_with(SMALL_JETS, [0, 1] * 20, tmp_path)
    model = build_model("tests.predict.small_net", store.layout, {})
    events = np.arange(len(store))
    occlusion, scorer = Occlusion(store, events), Scorer(model, store.layout)
    sparse_KCHW = occlusion.falls(scorer, silent)
    everything = np.indices((len(events), len(store.layout.channels), occlusion.patches.total))
    scored = len(occlusion.changed.event)
    occlusion.changed = type(occlusion.changed)(*(axis.ravel() for axis in everything))
    assert scored < len(occlusion.changed.event)
    assert occlusion.falls(scorer, silent) == pytest.approx(sparse_KCHW, abs=1e-6)
    assert sparse_KCHW.any()


def test_the_auc_falls_only_without_the_channel_that_the_model_uses(crops, silent):
    events, scorer = np.arange(len(crops)), Scorer(Model(), crops.layout)
    auc, (energy, time) = without_inputs(crops, events, scorer, silent, 0.95)
    assert auc > 0.75
    assert (energy.name, energy.difference, energy.low, energy.high) == ("energy", 0, 0, 0)
    assert (time.name, time.auc) == ("time", 0.5)
    assert time.difference == pytest.approx(0.5 - auc)
    assert time.low < time.difference < time.high < 0


def test_scalars_are_taken_away_too(tmp_path, silent):
    store = store_with(SMALL_JETS, [0, 1] * 20, tmp_path)
    model = build_model("tests.interpret.scalars_net", store.layout, {})
    with torch.no_grad():
        model.join.weight.copy_(torch.tensor([[0.0, 0.0], [1.0, -1.0]]))
    scorer = Scorer(model, store.layout)
    _, found = without_inputs(store, np.arange(len(store)), scorer, silent, 0.95)
    assert [without.name for without in found] == ["pt", "m0"]
    assert all(without.difference for without in found)


@pytest.mark.parametrize("layout", [ELECTRON_PHOTON, QUARK_GLUON], ids=["crops", "jets"])
def test_the_work_is_limited_but_at_least_one_event_of_each_class_is_looked_at(layout):
    for scores, pixels in ((1, 10_000_000), (250, 10_000_000), (10_000, 1)):
        number = affordable(layout, scores, pixels=pixels, most=100)
        assert 1 <= number <= 100
        assert number == 1 or 2 * number * scores * layout.pixels <= pixels


def test_chosen_events_are_of_all_classes_and_spread_over_the_split(crops):
    events = crops.events_of("train")
    for label, chosen in enumerate(spread_events(crops, events, 10)):
        assert len(set(chosen.tolist())) == 10
        assert set(crops.label[chosen]) == {label}
        assert set(chosen) <= set(events)
        assert np.ptp(chosen) > len(crops) / 2
