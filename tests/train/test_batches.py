"""What a model is given: images as packed, scalars standardised with the training split."""

import dataclasses

import numpy as np
import pytest
import torch

from calobatch.hits import HitMaker
from calobatch.models.inputs import ModelInputs
from calobatch.train.batches import BatchMaker, one_ahead

CPU = torch.device("cpu")


def maker_of(store, *names, towers=None):
    return BatchMaker(store, ModelInputs(store.layout, names, towers), CPU)


def scalars_of(store, events):
    image_BCHW, scalars_BS = maker_of(store, "image", "scalars").batch(events).inputs
    assert image_BCHW.shape == (len(events), *store.layout.shape)
    return scalars_BS.numpy()


def test_scalars_of_training_events_have_mean_0_and_deviation_1(packed_jets):
    scalars_BS = scalars_of(packed_jets, packed_jets.events_of("train"))
    assert scalars_BS.shape[1] == 2
    np.testing.assert_allclose(scalars_BS.mean(axis=0), 0, atol=1e-5)
    np.testing.assert_allclose(scalars_BS.std(axis=0), 1, atol=1e-5)


def test_all_splits_are_scaled_with_the_numbers_of_the_training_split(packed_jets):
    train, test = packed_jets.events_of("train"), packed_jets.events_of("test")
    raw_BS = packed_jets.scalars_BS
    expected = (raw_BS[test] - raw_BS[train].mean(axis=0)) / raw_BS[train].std(axis=0)
    np.testing.assert_allclose(scalars_of(packed_jets, test), expected, rtol=1e-4, atol=1e-5)


def test_a_scalar_that_never_changes_is_zero(packed_jets):
    """Its standard deviation is 0, by which nothing can be divided."""
    m0 = packed_jets.manifest.scalars[1].model_copy(update={"mean": 7.0, "std": 0.0})
    scalars = (packed_jets.manifest.scalars[0], m0)
    raw_BS = packed_jets.scalars_BS.copy()
    raw_BS[:, 1] = 7.0
    store = dataclasses.replace(
        packed_jets,
        manifest=packed_jets.manifest.model_copy(update={"scalars": scalars}),
        scalars_BS=raw_BS,
    )
    scalars_BS = scalars_of(store, store.events_of("test"))
    assert np.isfinite(scalars_BS).all()
    assert not scalars_BS[:, 1].any()


def test_a_batch_has_the_inputs_that_the_model_names_in_its_order(packed_jets):
    events = np.array([5, 2, 9])
    maker = maker_of(packed_jets, "scalars", "image")
    (scalars_BS, image_BCHW), label_B, weight_B = maker.batch(events)
    assert scalars_BS.shape == (3, 2)
    assert torch.equal(image_BCHW, torch.from_numpy(packed_jets.dense(events)))
    assert label_B.tolist() == packed_jets.label[events].tolist()
    assert weight_B is None


def test_the_loss_of_an_event_with_weight_n_is_that_of_n_events(packed_jets):
    weight = np.arange(len(packed_jets), dtype=np.float64)
    logits_BK = torch.randn(3, 2)
    maker = maker_of(dataclasses.replace(packed_jets, weight=weight), "scalars")
    weighted = maker.batch(np.array([0, 1, 3])).loss(logits_BK)
    repeated = maker_of(packed_jets, "scalars").batch(np.array([1, 3, 3, 3]))
    assert torch.allclose(weighted, repeated.loss(logits_BK[[1, 2, 2, 2]]))


def test_hits_are_as_long_as_the_longest_event_of_the_batch(packed_jets):
    towers = {"HCAL tower energy / 25": 5}
    maker = maker_of(packed_jets, "hits", "scalars", towers=towers)
    image_BCHW = packed_jets.dense(np.array([5, 2]))
    (hit_BLF, scalars_BS), *_ = maker.batch(np.array([5, 2]))
    assert hit_BLF.shape[1] == maker.hit_number[[5, 2]].max()
    assert torch.equal(
        hit_BLF, torch.from_numpy(HitMaker(packed_jets.layout, towers).of_images(image_BCHW))
    )
    assert scalars_BS.shape == (2, 2)


def test_a_batch_is_overwritten_by_the_next_but_one(packed_jets):
    maker = maker_of(packed_jets, "image")
    first, second, third = (np.array(events) for events in ([0, 1, 2], [3, 4], [5]))
    (image_BCHW,), *_ = maker.batch(first)
    maker.batch(second)
    assert torch.equal(image_BCHW, torch.from_numpy(packed_jets.dense(first)))
    maker.batch(third)
    assert not torch.equal(image_BCHW, torch.from_numpy(packed_jets.dense(first)))


def test_batches_made_ahead_come_in_order(packed_crops):
    maker = maker_of(packed_crops, "image")
    events = np.random.default_rng(1).permutation(len(packed_crops))
    parts = [part for part in np.array_split(events, 7) if len(part)]
    found = [batch.inputs[0].clone() for batch in one_ahead(maker.batch, parts)]
    assert torch.equal(torch.cat(found), torch.from_numpy(packed_crops.dense(events)))
    assert list(one_ahead(maker.batch, [])) == []


def test_an_error_in_the_thread_is_raised_when_its_batch_is_used():
    def make(number):
        if number == 2:
            raise OSError("gone")
        return number

    batches = one_ahead(make, [0, 1, 2, 3])
    assert [next(batches), next(batches)] == [0, 1]
    with pytest.raises(OSError, match="gone"):
        next(batches)
