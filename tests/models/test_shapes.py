"""The shapes of an image, compared with numpy, and what must not change them."""

import numpy as np
import pytest
import torch

from calobatch.models import shapes
from calobatch.models.shapes import Shapes

ROWS, COLUMNS = 9, 7
SIGNED = [False, True]


@pytest.fixture
def image():
    """Events with a channel of amounts and one of times, on a third of the pixels."""
    rng = np.random.default_rng(3)
    hit = rng.random((4, 1, ROWS, COLUMNS)) < 0.3
    amount = rng.exponential(1, hit.shape) * hit
    time = rng.normal(0, 1, hit.shape) * hit
    return torch.from_numpy(np.concatenate([amount, time], axis=1).astype(np.float32))


@pytest.fixture
def share(image):
    return shapes.shares(image[:, :1].double())


def test_moments_are_those_of_numpy(share):
    row, column = np.indices((ROWS, COLUMNS))
    row, column = row - ROWS // 2, column - COLUMNS // 2
    for found, weight in zip(shapes.moments(share)[:, 0], share[:, 0].numpy(), strict=True):
        covariance = np.cov(row.ravel(), column.ravel(), ddof=0, aweights=weight.ravel())
        means = [np.average(place, weights=weight) for place in (row, column)]
        girth = np.average(np.hypot(row - means[0], column - means[1]), weights=weight)
        widths = np.sqrt(np.diag(covariance))
        expected = [*means, *widths, covariance[0, 1], girth]
        assert found.tolist() == pytest.approx(expected, abs=shapes.GRID)


def test_windows_rows_and_columns_are_sums_of_parts_of_the_image(share):
    middle_row, middle_column = ROWS // 2, COLUMNS // 2
    padded = np.pad(share[:, 0].numpy(), [(0, 0), (9, 9), (9, 9)])
    expected = [
        padded[:, 9 + middle_row - n : 10 + middle_row + n, 9 + middle_column - n :][
            :, :, : 2 * n + 1
        ].sum((1, 2))
        for n in shapes.WINDOWS
        if n <= ROWS // 2
    ]
    assert shapes.windows(share)[:, 0].numpy() == pytest.approx(np.stack(expected, axis=1))
    lines = shapes.rows_and_columns(share)[:, 0].numpy()
    near = slice(9 - shapes.NEAREST, 10 + shapes.NEAREST)
    rows = padded.sum(2)[:, middle_row:][:, near]
    columns = padded.sum(1)[:, middle_column:][:, near]
    assert lines == pytest.approx(np.concatenate([rows, columns], axis=1))


def test_leading_pixels_and_sizes_are_those_of_the_sorted_image(image, share):
    largest_first = -np.sort(-share.flatten(1).numpy(), axis=1)
    expected = [largest_first[:, :number].sum(1) for number in shapes.LEADING]
    assert shapes.leading_pixels(share)[:, 0].numpy() == pytest.approx(np.stack(expected, axis=1))
    total, hits, evenness = shapes.sizes(image[:, :1].double())[:, 0].numpy().T
    assert total == pytest.approx(image[:, 0].sum((1, 2)).numpy())
    assert hits.tolist() == (image[:, 0] > 0).sum((1, 2)).tolist()
    assert evenness == pytest.approx(np.sqrt((largest_first**2).sum(1)))


def test_times_are_described_once_by_hit_and_once_by_energy(image):
    found = shapes.spreads(image[:, 1:].double(), image[:, :1].double())[:, 0]
    for event, time, energy in zip(found, image[:, 1], image[:, 0], strict=True):
        values, weights = time[time != 0].double().numpy(), energy[time != 0].double().numpy()
        mean = np.average(values, weights=weights)
        expected = [
            len(values), max(values.max(), 0), min(values.min(), 0),
            time[ROWS // 2, COLUMNS // 2].item(), values.mean(), values.std(),
            mean, np.sqrt(np.average((values - mean) ** 2, weights=weights)),
        ]  # fmt: skip
        assert event.tolist() == pytest.approx(expected, abs=1e-5)


def test_only_the_sum_of_a_channel_depends_on_its_unit(image):
    """A unit that is a power of two, with which no value is rounded differently."""
    before = Shapes([False])(image[:, :1])
    after = Shapes([False])(4 * image[:, :1])
    assert torch.equal(after[:, 0], 4 * before[:, 0])
    assert torch.equal(after[:, 1:], before[:, 1:])


def test_a_mirrored_image_has_mirrored_means_and_the_same_widths(share):
    row, column, *widths, covariance, girth = shapes.moments(share)[:, 0].T
    mirrored = shapes.moments(share.flip(3))[:, 0].T
    expected = torch.stack([row, -column, *widths, -covariance, girth])
    assert mirrored.numpy() == pytest.approx(expected.numpy(), abs=2 * shapes.GRID)


def test_an_event_has_the_same_shapes_in_any_batch(image):
    together = Shapes(SIGNED)(image)
    alone = torch.cat([Shapes(SIGNED)(event[None]) for event in image])
    assert together.numpy() == pytest.approx(alone.numpy(), rel=1e-6)


def test_an_image_without_hits_has_shapes_of_zero():
    assert not Shapes(SIGNED)(torch.zeros(2, 2, ROWS, COLUMNS)).any()


def test_what_has_no_width_has_exactly_none_whatever_its_values():
    """Rounding could give it one of 1e-16, which a tree can tell from 0."""
    values = torch.from_numpy(np.random.default_rng(5).exponential(size=(50, 1, COLUMNS)))
    line = torch.zeros(50, 1, ROWS, COLUMNS, dtype=torch.float64)
    line[:, :, 1] = values
    row, _, height, _, covariance, _ = shapes.moments(shapes.shares(line)).flatten(1).T
    assert (row == 1 - ROWS // 2).all()
    assert not height.any()
    assert not covariance.any()
    at_once = 0.3 * (line > 0)
    assert not shapes.spreads(at_once, line)[..., [5, 7]].any()


@pytest.mark.parametrize("signed", [[False, False], SIGNED, [True, True]])
@pytest.mark.parametrize("size", [(1, 1), (2, 3), (ROWS, COLUMNS)])
def test_shapes_are_finite_for_images_of_any_size_and_the_largest_values(signed, size):
    largest = torch.finfo(torch.float32).max
    images = torch.stack([torch.full((2, *size), value) for value in (largest, -largest, 1e-40)])
    found = Shapes(signed)(images)
    assert found.dtype == torch.float32
    assert torch.isfinite(found).all()
