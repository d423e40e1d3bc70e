"""Images equal the packed ones bit for bit, wherever the events are kept, and move correctly."""

import numpy as np
import pytest
import torch

from calobatch.config.training import Augmentation
from calobatch.train.augment import draw_moves, move_targets
from calobatch.train.images import MappedImages, ResidentImages

CPU = torch.device("cpu")
EVERY_MOVE = Augmentation(flip_eta=True, flip_phi=True, shift=2)


def written(images, events, move, pixels):
    # The buffer still has the batch before, which must not be visible.
    image_BP = torch.full((len(events), pixels), 7.0)
    images.write(events, move, image_BP)
    return image_BP.numpy()


def both_ways(store, targets):
    return MappedImages(store, targets), ResidentImages(store, targets, CPU)


@pytest.mark.parametrize("name", ["packed_crops", "packed_jets"])
def test_mapped_and_resident_events_give_the_packed_images_bit_for_bit(name, request):
    store = request.getfixturevalue(name)
    events = np.random.default_rng(1).permutation(len(store))
    expected = store.dense(events).reshape(len(store), -1).view(np.uint32)
    for images in both_ways(store, None):
        found = written(images, events, None, store.layout.pixels).view(np.uint32)
        np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("name", ["packed_crops", "packed_jets"])
def test_mapped_and_resident_events_are_moved_in_the_same_way(name, request):
    store = request.getfixturevalue(name)
    events = np.arange(len(store))
    move = draw_moves(len(store), EVERY_MOVE, seed=3, epoch=1)
    mapped, resident = both_ways(store, move_targets(store.layout, EVERY_MOVE))
    np.testing.assert_array_equal(
        written(mapped, events, move, store.layout.pixels).view(np.uint32),
        written(resident, events, move, store.layout.pixels).view(np.uint32),
    )


@pytest.mark.parametrize(
    ("settings", "moved"),
    [
        (Augmentation(flip_eta=True), lambda image: image[:, :, ::-1]),
        (Augmentation(flip_phi=True), lambda image: image[:, :, :, ::-1]),
    ],
)
def test_a_flip_mirrors_the_image(packed_jets, settings, moved):
    events = np.arange(len(packed_jets))
    image_BCHW = packed_jets.dense(events)
    images = MappedImages(packed_jets, move_targets(packed_jets.layout, settings))
    for move, expected in ((0, image_BCHW), (1, moved(image_BCHW))):
        found = written(images, events, np.full(len(events), move), packed_jets.layout.pixels)
        np.testing.assert_array_equal(found.reshape(image_BCHW.shape), expected)


def test_a_shift_moves_the_image_and_drops_what_leaves_it(packed_crops):
    events = np.arange(len(packed_crops))
    image_BCHW = packed_crops.dense(events)
    images = MappedImages(packed_crops, move_targets(packed_crops.layout, Augmentation(shift=1)))
    # Of the nine shifts the last is by one pixel in both directions.
    found = written(images, events, np.full(len(events), 8), packed_crops.layout.pixels)
    expected = np.zeros_like(image_BCHW)
    expected[:, :, 1:, 1:] = image_BCHW[:, :, :-1, :-1]
    np.testing.assert_array_equal(found.reshape(image_BCHW.shape), expected)


def test_moves_depend_on_seed_and_epoch_and_are_all_drawn():
    drawn = draw_moves(5_000, EVERY_MOVE, seed=1, epoch=1)
    assert set(drawn) == set(range(EVERY_MOVE.moves)) == set(range(100))
    np.testing.assert_array_equal(drawn, draw_moves(5_000, EVERY_MOVE, seed=1, epoch=1))
    assert np.any(drawn != draw_moves(5_000, EVERY_MOVE, seed=1, epoch=2))
    assert np.any(drawn != draw_moves(5_000, EVERY_MOVE, seed=2, epoch=1))
