"""Hits: nothing of an image is lost, towers are single hits, and moves are those of images."""

import numpy as np
import pytest
import torch

from calobatch.config.training import Augmentation
from calobatch.hits import HitMaker
from calobatch.train.augment import draw_moves, move_targets
from calobatch.train.images import MappedImages

TOWERS = {"HCAL tower energy / 25": 5}
EVERY_MOVE = Augmentation(flip_eta=True, flip_phi=True, shift=2)


def hits_of(store, towers, settings=None):
    """The hits of all events, each moved if there are settings of an augmentation."""
    maker, events = HitMaker(store.layout, towers), np.arange(len(store))
    longest = int(maker.number(store.start, store.pixel, store.value).max())
    target = move = None
    if settings:
        target = move_targets(store.layout, settings)
        move = draw_moves(len(store), settings, seed=3, epoch=1)
    return maker.hits(events, store.start, store.pixel, store.value, longest, target, move)


def images_of(hit_BLF, layout):
    """Images with the values of the hits at their rows and columns."""
    image_BCHW = np.zeros((len(hit_BLF), *layout.shape), np.float32)
    event, number = np.nonzero(hit_BLF[..., 2:].any(axis=2))
    row, column = hit_BLF[event, number, :2].astype(int).T
    np.add.at(image_BCHW.transpose(0, 2, 3, 1), (event, row, column), hit_BLF[event, number, 2:])
    return image_BCHW


@pytest.mark.parametrize("name", ["packed_crops", "packed_jets"])
def test_the_hits_of_an_event_are_its_image(name, request):
    store = request.getfixturevalue(name)
    image_BCHW = store.dense(np.arange(len(store)))
    hit_BLF = hits_of(store, {})
    np.testing.assert_array_equal(images_of(hit_BLF, store.layout), image_BCHW)
    # One hit per pixel, whatever the number of channels that have a value in it.
    pixels = (image_BCHW != 0).any(axis=1).sum(axis=(1, 2))
    np.testing.assert_array_equal(hit_BLF[..., 2:].any(axis=2).sum(axis=1), pixels)
    np.testing.assert_array_equal(
        HitMaker(store.layout, {}).number(store.start, store.pixel, store.value), pixels
    )


@pytest.mark.parametrize("towers", [{}, TOWERS])
def test_images_give_the_hits_of_their_events(packed_jets, towers):
    image_BCHW = packed_jets.dense(np.arange(len(packed_jets)))
    found = HitMaker(packed_jets.layout, towers).of_images(image_BCHW)
    np.testing.assert_array_equal(found, hits_of(packed_jets, towers))


def test_an_event_without_a_value_has_no_hit_and_needs_no_others(packed_jets):
    found = HitMaker(packed_jets.layout, TOWERS).of_images(
        np.zeros((2, *packed_jets.layout.shape), np.float32)
    )
    assert found.shape == (2, 1, 5)
    assert not found.any()


def test_a_tower_is_one_hit_with_the_sum_of_its_pixels(packed_jets):
    layout = packed_jets.layout
    image_BCHW = np.zeros((1, *layout.shape), np.float32)
    image_BCHW[0, 2, 10:15, 20:25] = 3
    image_BCHW[0, 2, 0:5, 120:125] = 0.5
    image_BCHW[0, 1, 12, 22] = 7  # in the central pixel of the first tower
    image_BCHW[0, 1, 12, 23] = 8  # beside it
    hit_LF = HitMaker(layout, TOWERS).of_images(image_BCHW)[0]
    assert sorted(map(tuple, hit_LF.tolist())) == [
        (2, 122, 0, 0, 12.5),
        (12, 22, 0, 7, 75),
        (12, 23, 0, 8, 0),
    ]


def test_towers_keep_the_energy_of_every_channel(packed_jets):
    draw = np.random.default_rng(1)
    image_BCHW = draw.exponential(size=(4, *packed_jets.layout.shape)).astype(np.float32)
    image_BCHW[draw.random(image_BCHW.shape) < 0.9] = 0
    hit_BLF = HitMaker(packed_jets.layout, TOWERS).of_images(image_BCHW)
    np.testing.assert_allclose(hit_BLF[..., 2:].sum(axis=1), image_BCHW.sum(axis=(2, 3)), rtol=1e-5)


@pytest.mark.parametrize("name", ["packed_crops", "packed_jets"])
def test_hits_move_as_images_do(name, request):
    store = request.getfixturevalue(name)
    events = np.arange(len(store))
    image_BP = torch.empty(len(store), store.layout.pixels)
    images = MappedImages(store, move_targets(store.layout, EVERY_MOVE))
    images.write(events, draw_moves(len(store), EVERY_MOVE, seed=3, epoch=1), image_BP)
    expected = image_BP.numpy().reshape(len(store), *store.layout.shape)
    np.testing.assert_array_equal(images_of(hits_of(store, {}, EVERY_MOVE), store.layout), expected)


def test_a_tower_moves_as_its_central_pixel(packed_jets):
    still = hits_of(packed_jets, TOWERS)
    flipped = hits_of(packed_jets, TOWERS, Augmentation(flip_eta=True, flip_phi=True))
    move = draw_moves(len(packed_jets), Augmentation(flip_eta=True, flip_phi=True), seed=3, epoch=1)
    rows, columns = packed_jets.layout.height, packed_jets.layout.width
    for event, (before_LF, after_LF) in enumerate(zip(still, flipped, strict=True)):
        expected_LF = before_LF.copy()
        there = before_LF[:, 2:].any(axis=1)
        if move[event] in (2, 3):
            expected_LF[there, 0] = rows - 1 - before_LF[there, 0]
        if move[event] in (1, 3):
            expected_LF[there, 1] = columns - 1 - before_LF[there, 1]
        np.testing.assert_array_equal(after_LF, expected_LF)
