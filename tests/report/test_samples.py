import base64
import io

import numpy as np
import pytest
from PIL import Image

from calobatch.report.samples import EVENTS_PER_CLASS, mean_galleries, sample_events, sample_gallery


def pixels(address: str) -> np.ndarray:
    data = base64.b64decode(address.removeprefix("data:image/png;base64,"))
    return np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))


def test_samples_are_chosen_evenly_and_always_the_same(crops):
    events = sample_events(crops)
    assert np.array_equal(events, sample_events(crops))
    assert crops.label[events].tolist() == [0] * EVENTS_PER_CLASS + [1] * EVENTS_PER_CLASS
    assert len(set(events.tolist())) == len(events)
    assert set(events.tolist()) <= set(crops.events_of("train").tolist())
    for of_class in events.reshape(2, -1):
        assert np.ptp(of_class) > len(crops) / 2  # not only the first of a file


def test_a_picture_has_one_pixel_per_value_and_is_black_where_the_value_is_zero(crops):
    events = sample_events(crops)
    image_BCHW = crops.dense(events)
    gallery = sample_gallery(crops)
    for row, image_CHW in zip(gallery.rows, image_BCHW, strict=True):
        for picture, image in zip(row.pictures, image_CHW, strict=True):
            painted = pixels(picture.address)
            assert painted.shape == (*image.shape, 3)
            assert painted[image == 0].max() <= 5
            assert painted[np.abs(image) == np.abs(image).max()].max() > 50


def test_captions_name_class_event_and_scalars(jets):
    events = sample_events(jets)
    for event, row in zip(events, sample_gallery(jets).rows, strict=True):
        assert row.caption == jets.manifest.classes[jets.label[event]]
        assert row.note.startswith(f"event {event}, pt ")
        assert f"m0 {jets.scalars_BS[event, 1]:.3g} GeV" in row.note


def test_times_have_a_linear_scale_and_energies_a_logarithmic_one(crops, jets):
    assert [legend.scale for legend in sample_gallery(crops).legends] == ["log", "linear"]
    assert {legend.scale for legend in sample_gallery(jets).legends} == {"log"}


def test_the_scales_end_at_the_largest_mean_and_the_largest_difference(crops):
    training = crops.events_of("train")
    photon, electron = (
        crops.dense(training[crops.label[training] == label]).mean(axis=0) for label in (0, 1)
    )
    means, difference = mean_galleries(crops)
    assert [row.caption for row in means.rows] == ["mean photon", "mean electron"]
    for channel in (0, 1):
        largest = max(np.abs(photon[channel]).max(), np.abs(electron[channel]).max())
        assert float(means.legends[channel].ticks[2]) == pytest.approx(largest, rel=0.06)
        largest = np.abs(electron - photon)[channel].max()
        assert float(difference.legends[channel].ticks[2]) == pytest.approx(largest, rel=0.06)


def test_the_difference_is_warm_where_the_second_class_has_more(crops):
    training = crops.events_of("train")
    photon, electron = (
        crops.dense(training[crops.label[training] == label])[:, 0].mean(axis=0) for label in (0, 1)
    )
    painted = pixels(mean_galleries(crops)[1].rows[0].pictures[0].address).astype(int)
    more = (electron - photon) > 0.5 * np.abs(electron - photon).max()
    fewer = (electron - photon) < -0.5 * np.abs(electron - photon).max()
    assert more.any()
    assert fewer.any()
    assert (painted[more][:, 0] > painted[more][:, 2]).all()
    assert (painted[fewer][:, 2] > painted[fewer][:, 0]).all()
