import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from calobatch.pack.sparsify import sparsify
from calobatch.pack.statistics import channel_statistics, scalar_statistics
from calobatch.pack.sums import Sums
from tests.layouts import ELECTRON_PHOTON, QUARK_GLUON


def images(events, fill, seed):
    rng = np.random.default_rng(seed)
    shape = (events, *ELECTRON_PHOTON.shape)
    image = np.where(rng.random(shape) < fill, rng.normal(1, 2, shape), 0).astype(np.float32)
    image[rng.random(shape) < 0.01] = -0.0
    return image


def summed(image_BCHW, training, events_per_block):
    sums = Sums.of_none(2)
    for start in range(0, len(image_BCHW), events_per_block):
        block = slice(start, start + events_per_block)
        hits = sparsify(image_BCHW[block], 0.0)
        sums = sums.plus(Sums.of(hits, training[block], ELECTRON_PHOTON))
    return channel_statistics(ELECTRON_PHOTON, sums)


@settings(max_examples=20, deadline=None)
@given(st.integers(1, 12), st.sampled_from([0.0, 0.05, 0.9]), st.integers(0, 9), st.integers(1, 5))
def test_statistics_equal_those_of_the_dense_training_images(events, fill, seed, events_per_block):
    image_BCHW = images(events, fill, seed)
    training = np.random.default_rng(seed).random(events) < 0.7
    training[0] = True
    pixels = image_BCHW[training].astype(np.float64).swapaxes(0, 1).reshape(2, -1)
    for channel, found in zip(pixels, summed(image_BCHW, training, events_per_block), strict=True):
        assert found.fill == np.count_nonzero(channel) / channel.size
        assert found.mean == pytest.approx(channel.mean(), rel=1e-12, abs=1e-15)
        assert found.std == pytest.approx(channel.std(), rel=1e-12, abs=1e-15)
        assert (found.minimum, found.maximum) == (channel.min(), channel.max())


@pytest.mark.parametrize("sign", [1, -1])
def test_without_zeros_the_range_is_that_of_the_hits(sign):
    image_BCHW = np.full((2, *ELECTRON_PHOTON.shape), 2.0 * sign, dtype=np.float32)
    image_BCHW[:, :, 3, 4] = 5.0 * sign
    for channel in summed(image_BCHW, np.array([True, True]), 1):
        assert {channel.minimum, channel.maximum} == {2.0 * sign, 5.0 * sign}
        assert channel.fill == 1


def test_mean_and_deviation_of_scalars_equal_those_of_numpy():
    scalars_BS = np.random.default_rng(0).uniform(70, 337, (50, 2))
    pt, m0 = scalar_statistics(QUARK_GLUON, scalars_BS)
    assert (pt.name, m0.name) == ("pt", "m0")
    assert (m0.mean, m0.std) == pytest.approx((scalars_BS[:, 1].mean(), scalars_BS[:, 1].std()))
