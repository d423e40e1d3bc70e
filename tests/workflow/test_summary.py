"""`calobatch check` says what a scenario is, and looks into the files of the user's own."""

import shutil

import numpy as np
import pytest
import yaml

from calobatch.errors import UserError
from calobatch.workflow.scenario import read_setup
from calobatch.workflow.summary import summary
from tests.checkout import CHECKOUT
from tests.formats import npz
from tests.layouts import ELECTRON_PHOTON
from tests.raw_files import random_events


@pytest.fixture
def own(tmp_path, monkeypatch):
    """A folder with a scenario of two files, of which the first has 4 events and the second 6."""
    for folder in ("config", "cluster"):
        shutil.copytree(CHECKOUT / folder, tmp_path / folder)
    for name, labels in {"a.npz": [0, 1] * 2, "b.npz": [0, 1] * 3}.items():
        events = random_events(ELECTRON_PHOTON, labels, seed=1)
        npz(tmp_path / name, {"X": np.moveaxis(events.image_BCHW, 1, -1), "y": events.label})
    scenario = {
        "title": "My crops",
        "datasets": {"mine": {"source": "files", "files": "*.npz", "layout": "electron_photon"}},
        "tasks": {"my_cnn": {"like": "electron_photon_cnn", "dataset": "mine"}},
    }
    (tmp_path / "config/own.yaml").write_text(yaml.safe_dump(scenario))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_events_in_the_files_are_counted(own):
    assert "dataset mine: 2 files of your own with 10 events" in summary(read_setup("own", ""))


def label(path, labels):
    with np.load(path) as file:
        npz(path, {"X": file["X"], "y": np.array(labels)})


def test_labels_that_are_no_classes_are_found_before_the_run(own):
    label(own / "b.npz", [1, 2] * 3)
    with pytest.raises(UserError, match=r"b\.npz: event 1 has label 2, .* count from 1"):
        summary(read_setup("own", ""))


def test_a_class_without_events_is_found_before_the_run(own):
    label(own / "a.npz", [1] * 4)
    label(own / "b.npz", [1] * 6)
    with pytest.raises(UserError, match=r"mine: of its 10 events, none is of class 0 \(photon\)"):
        summary(read_setup("own", ""))


def test_a_class_under_which_no_file_is_listed_is_found_before_the_run(own):
    for name in ("a.npz", "b.npz"):
        npz(own / name, {"X": np.ones((5, 32, 32, 2), np.float32)})
    setup = read_setup("own", "datasets.mine.files={electron:[a.npz,b.npz]}")
    with pytest.raises(UserError, match=r"none is of class 0 \(photon\); add files"):
        summary(setup)


def test_a_file_that_is_not_as_the_layout_says_is_named(own):
    np.savez(own / "b.npz", X=np.zeros((6, 32, 32, 2), np.float32))
    with pytest.raises(UserError, match=r"b\.npz.* y"):
        summary(read_setup("own", ""))
