"""A proposal for a layout packs at once, and the description says what is in the file."""

import h5py
import numpy as np
import pytest
import yaml

from calobatch.errors import UserError
from calobatch.layouts import Layout
from calobatch.raw.contents import EVENTS, SLICES, contents, slices
from calobatch.raw.inspect import inspect
from calobatch.raw.open_raw import open_raw
from calobatch.raw.propose import proposal
from tests.formats import WRITERS, npz
from tests.layouts import ELECTRON_PHOTON, SMALL_JETS
from tests.raw_files import random_events, write_hdf5, write_parquet


def sparse(layout, labels):
    """Events with negative values in the second channel alone."""
    events = random_events(layout, labels, seed=2)
    image = np.nan_to_num(np.clip(np.abs(events.image_BCHW), 0, 5))
    image[:, 1] *= np.where(np.arange(layout.shape[2]) % 2, 1, -1)
    return events._replace(image_BCHW=image)


def write_npz(path, layout, events):
    image = np.moveaxis(events.image_BCHW, 1, -1)
    numbers = {s.name: events.scalars_BS[:, i] for i, s in enumerate(layout.scalars)}
    np.savez_compressed(path, X=image, y=events.label, **numbers)
    return path


FILES = {
    "crops.hdf5": (write_hdf5, ELECTRON_PHOTON),
    "jets.hdf5": (write_hdf5, SMALL_JETS),
    "jets.parquet": (write_parquet, SMALL_JETS),
    "crops.npz": (write_npz, ELECTRON_PHOTON),
}


def layout_of(entries):
    return Layout.model_validate({"name": "proposed", **yaml.safe_load(proposal(entries))})


@pytest.mark.parametrize("name", FILES)
def test_a_file_can_be_opened_with_the_layout_that_is_proposed_for_it(tmp_path, name):
    write, layout = FILES[name]
    path = write(tmp_path / name, layout, sparse(layout, [0, 1] * 30))
    found = layout_of(contents(path))
    assert found.shape == layout.shape
    assert [channel.signed for channel in found.channels] == [
        number == 1 for number in range(len(layout.channels))
    ]
    assert len(found.classes) == 2
    assert {s.name for s in found.scalars} == {s.name for s in layout.scalars}
    raw = open_raw(path, found)
    assert raw.events == 60
    assert set(raw.labels()) == {0.0, 1.0}


def test_weights_are_proposed_by_their_name_and_are_no_scalar(tmp_path):
    numbers = np.arange(60.0)
    arrays = {"X": np.ones((60, 8, 8)), "y": np.tile([0, 1], 30), "pt": numbers, "weight": numbers}
    found = layout_of(contents(npz(tmp_path / "a.npz", arrays)))
    assert found.weight == "weight"
    assert [scalar.name for scalar in found.scalars] == ["pt"]


def test_the_description_says_what_a_person_wants_to_know(tmp_path):
    events = sparse(ELECTRON_PHOTON, [0, 0, 0, 1] * 15)
    events.image_BCHW[::4] = 0
    path = write_hdf5(tmp_path / "crops.hdf5", ELECTRON_PHOTON, events)
    text = inspect([path])
    assert "X: 60 events, 32 x 32 x 2, float32, chunks" in text
    assert "lzf" in text
    assert "0: 75%, 1: 25%" in text
    assert "25.0% of the images are empty" in text
    filled = np.count_nonzero(events.image_BCHW) / events.image_BCHW.size
    assert f"{filled:.2%} of the pixels are not zero" in text
    assert "config/layouts/NAME.yaml" in text
    assert yaml.safe_load(text)["image"] == "X"


def test_a_channel_per_key_and_a_file_without_labels(tmp_path):
    hits = np.random.default_rng(1).random((30, 8, 6))
    np.savez(tmp_path / "a.npz", tracks=hits, towers=hits * 3, momentum=hits[:, 0, 0])
    text = proposal(contents(tmp_path / "a.npz"))
    assert "no key looks like labels" in text
    found = layout_of(contents(tmp_path / "a.npz"))
    assert found.image_keys == ("tracks", "towers")
    assert found.label is None
    assert open_raw(tmp_path / "a.npz", found).events == 30


def test_counts_and_ranges_come_from_all_parts_of_a_sorted_file(tmp_path):
    label = np.repeat([0, 1, 2], 4000)
    with h5py.File(tmp_path / "a.hdf5", "w") as file:
        file.create_dataset("image", data=np.ones((12_000, 2, 2)), chunks=(100, 2, 2))
        file["kind"] = label
    text = inspect([tmp_path / "a.hdf5"])
    assert "0: 3" in text
    assert "2: 3" in text
    assert len(layout_of(contents(tmp_path / "a.hdf5")).classes) == 3


def test_values_that_are_not_finite_are_counted(tmp_path):
    image = np.ones((10, 3, 4))
    image[2, 1, 1] = np.nan
    np.savez(tmp_path / "a.npz", image=image, y=np.arange(10) % 2)
    assert "1 values are not finite" in inspect([tmp_path / "a.npz"])


@pytest.mark.parametrize("name", WRITERS)
def test_labels_that_are_text_are_the_names_of_the_classes(tmp_path, name):
    labels = ["photon", "electron", "pi0: merged"] * 10
    events = np.random.default_rng(3).random((30, 2, 32, 32), np.float32)
    path = WRITERS[name](tmp_path / name, {"X": events, "kind": labels, "pt": np.arange(30.0)})
    text = inspect([path])
    assert "electron, photon, pi0: merged" in text
    found = layout_of(contents(path))
    assert found.classes == ("electron", "photon", "pi0: merged")
    assert [scalar.name for scalar in found.scalars] == ["pt"]
    assert open_raw(path, found).labels().tolist() == [1, 0, 2] * 10


def test_labels_that_count_from_one_are_noticed(tmp_path):
    arrays = {"X": np.ones((60, 8, 8)), "y": np.tile([1, 2, 3], 20)}
    assert "labels must count from 0" in proposal(contents(npz(tmp_path / "a.npz", arrays)))
    arrays["y"] -= 1
    assert "labels must count from 0" not in proposal(contents(npz(tmp_path / "b.npz", arrays)))


def test_a_file_without_images_has_no_layout(tmp_path):
    np.savez(tmp_path / "a.npz", y=np.arange(10) % 2, text=np.array(["a"] * 10))
    assert "no layout fits it" in inspect([tmp_path / "a.npz"])


@pytest.mark.parametrize("name", ["a.hdf5", "a.parquet", "a.npz", "a.npy"])
def test_a_damaged_file_is_named(tmp_path, name):
    (tmp_path / name).write_bytes(b"\x00" * 200)
    with pytest.raises(UserError, match=f"{name} cannot be read"):
        inspect([tmp_path / name])


def test_a_missing_and_an_unknown_file_are_named(tmp_path):
    with pytest.raises(UserError, match=r"a.hdf5 is not a file"):
        inspect([tmp_path / "a.hdf5"])
    (tmp_path / "a.txt").touch()
    with pytest.raises(UserError, match=r"unknown file type '.txt'; use .hdf5"):
        inspect([tmp_path / "a.txt"])


@pytest.mark.parametrize("events", [0, 1, 1000, 1001, 54_321])
def test_a_sample_is_small_and_reaches_from_the_first_to_the_last_event(events):
    found = slices(events)
    assert found[0][0] == 0
    assert found[-1][1] == events
    assert sum(last - first for first, last in found) == min(events, SLICES * EVENTS)
