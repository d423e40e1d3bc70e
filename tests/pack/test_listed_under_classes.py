"""Files that are listed under the class of their events."""

import numpy as np
import pytest
from pydantic import ValidationError

from calobatch.config.dataset import Files, Split
from calobatch.errors import UserError
from calobatch.pack.pack import pack
from calobatch.pack.settings import own_files
from calobatch.store import open_store
from tests.formats import npz
from tests.layouts import SMALL_JETS
from tests.raw_files import random_events

LAYOUT = SMALL_JETS.model_copy(update={"official_test_mark": None})


def file_of(path, label, *, labelled=True):
    events = random_events(LAYOUT, [label] * 60, seed=label)
    scalars = {s.name: events.scalars_BS[:, i] for i, s in enumerate(LAYOUT.scalars)}
    labels = {"y": events.label} if labelled else {}
    return npz(path, {"X_jets": events.image_BCHW, **scalars, **labels})


def packed(folder, files, labels):
    pack("jets", LAYOUT, files, folder / "store", split=Split(), zero_below=0, file_labels=labels)
    return open_store(folder / "store")


@pytest.mark.parametrize("labelled", [True, False])
def test_events_have_the_class_under_which_their_file_is_listed(tmp_path, labelled):
    files = [file_of(tmp_path / f"{k}.npz", k, labelled=labelled) for k in (0, 1)]
    store = packed(tmp_path, files, {"0.npz": 0, "1.npz": 1})
    np.testing.assert_array_equal(store.label, np.repeat([0, 1], 60))


def test_a_file_that_is_listed_under_another_class_than_its_labels_say_is_refused(tmp_path):
    files = [file_of(tmp_path / f"{k}.npz", k) for k in (0, 1)]
    message = r"0\.npz is listed under quark, but its y gives another class for 60 of its 60 events"
    with pytest.raises(UserError, match=message):
        packed(tmp_path, files, {"0.npz": 1, "1.npz": 0})


def test_a_path_under_two_classes_is_refused():
    with pytest.raises(ValidationError, match=r"a\.npz is listed under gluon and quark; list it"):
        Files.model_validate({"source": "files", "files": {"gluon": "a.npz", "quark": "a.npz"}})


@pytest.mark.parametrize("name", ["b[1].npz", "with space (1).npz", "c{x}.npz", "d*.npz"])
def test_a_file_is_found_by_its_own_name_whatever_characters_it_has(tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    (tmp_path / name).touch()
    found = own_files("jets", Files(source="files", files=name))
    assert [str(path) for path in found] == [name]
