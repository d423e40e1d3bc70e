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


def test_a_file_that_is_not_as_the_layout_says_is_named(own):
    np.savez(own / "b.npz", X=np.zeros((6, 32, 32, 2), np.float32))
    with pytest.raises(UserError, match=r"b\.npz.* y"):
        summary(read_setup("own", ""))
