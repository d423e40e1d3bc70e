import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from calobatch.pack.sparsify import sparsify

FLOATS = st.one_of(
    st.floats(width=32, allow_nan=False, allow_infinity=False),
    st.sampled_from([0.0, -0.0, 1e-45, -1e-40, 1e-3, -1e-3]),
)
IMAGES = arrays(np.float32, array_shapes(min_dims=4, max_dims=4, max_side=5), elements=FLOATS)


def dense(hits, shape):
    """Put the hits back into images, one by one."""
    flat = np.zeros((shape[0], int(np.prod(shape[1:]))), dtype=np.float32)
    event = np.repeat(np.arange(shape[0]), hits.per_event)
    for row, pixel, value in zip(event, hits.pixel, hits.value, strict=True):
        flat[row, pixel] = value
    return flat.reshape(shape)


@given(IMAGES)
def test_hits_restore_the_image_bit_for_bit(image_BCHW):
    back = dense(sparsify(image_BCHW, 0.0), image_BCHW.shape)
    np.testing.assert_array_equal(back.view(np.uint32), image_BCHW.view(np.uint32))


@given(IMAGES, st.sampled_from([1e-3, 1.0]))
def test_the_threshold_makes_smaller_values_zero_and_changes_nothing_else(image_BCHW, threshold):
    back = dense(sparsify(image_BCHW, threshold), image_BCHW.shape)
    expected = np.where(np.abs(image_BCHW) < np.float32(threshold), np.float32(0), image_BCHW)
    np.testing.assert_array_equal(back.view(np.uint32), expected.view(np.uint32))


@given(IMAGES)
def test_positive_zeros_are_not_stored_as_hits(image_BCHW):
    hits = sparsify(image_BCHW, 0.0)
    assert len(hits.value) == np.count_nonzero(image_BCHW.view(np.uint32))


@pytest.mark.parametrize("dtype", [">f4", "<f8", ">f8"])
def test_other_floating_point_types_give_the_same_hits(dtype):
    image_BCHW = np.random.default_rng(0).normal(size=(3, 2, 4, 4)).astype(np.float32)
    expected = sparsify(image_BCHW, 0.0)
    for of_other, of_float32 in zip(sparsify(image_BCHW.astype(dtype), 0.0), expected, strict=True):
        np.testing.assert_array_equal(of_other, of_float32)


def test_channel_last_memory_gives_the_same_hits():
    image_BHWC = np.random.default_rng(0).normal(size=(3, 4, 4, 2)).astype(np.float32)
    image_BCHW = np.moveaxis(image_BHWC, -1, 1)
    assert np.array_equal(dense(sparsify(image_BCHW, 0.0), image_BCHW.shape), image_BCHW)
