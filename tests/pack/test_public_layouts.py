"""Pack files of the public layouts that were written by other code (tests/data/README.md)."""

import hashlib
import json
from pathlib import Path

import numpy as np
import pytest

from calobatch.checkout import CHECKOUT
from calobatch.config.dataset import Split
from calobatch.pack.pack import pack
from calobatch.store import open_store
from tests.layouts import ELECTRON_PHOTON, QUARK_GLUON

DATA = CHECKOUT / "tests" / "data"


@pytest.fixture(scope="module")
def expected():
    content = json.loads((DATA / "layout" / "expected.json").read_text())
    return {Path(file).name: facts for file, facts in content.items()}


def packed(names, layout, folder):
    """Pack the files of these names; return all events as dense images, and the store."""
    files = [DATA / "layout" / name for name in names]
    split = Split(validation=0.3, test=0.3)
    pack("data", layout, files, folder, split=split, zero_below=0.0)
    store = open_store(folder)
    return store.dense(np.arange(len(store))), store


def sha256_of_array(image):
    return hashlib.sha256(np.ascontiguousarray(image, "<f4").tobytes()).hexdigest()


def nonzero(image_BCHW):
    return np.count_nonzero(image_BCHW, axis=(0, 2, 3)).tolist()


def test_packed_crops_equal_what_their_writer_recorded(expected, tmp_path):
    facts = {name: fact for name, fact in expected.items() if name.endswith(".hdf5")}
    image_BCHW, store = packed(facts, ELECTRON_PHOTON, tmp_path)
    start = 0
    for fact in facts.values():
        events = slice(start, start + fact["events"])
        of_file = image_BCHW[events]
        assert set(store.label[events]) == {fact["label"]}
        assert nonzero(of_file) == fact["nonzero"]
        assert sha256_of_array(np.moveaxis(of_file, 1, -1)) == fact["sha256_dense_float32_NHWC"]
        assert of_file[:, 0].sum(dtype=float) == pytest.approx(fact["sum_energy"])
        start = events.stop
    assert start == len(store)


def test_packed_jets_equal_what_their_writer_recorded(expected, tmp_path):
    (name,) = (name for name in expected if name.endswith(".parquet"))
    fact = expected[name]
    # The name marks an official test file. Alone it would leave the training split empty, so the
    # file is packed under another name.
    alias = tmp_path / "jets.parquet"
    alias.symlink_to(DATA / "layout" / name)
    image_BCHW, store = packed([alias], QUARK_GLUON, tmp_path / "store")
    assert image_BCHW.shape == tuple(fact["shape"])
    assert store.label.tolist() == fact["labels"]
    assert nonzero(image_BCHW) == fact["nonzero"]
    assert np.sum(image_BCHW < 0) == fact["negative"]
    assert sha256_of_array(image_BCHW) == fact["sha256_dense_float32_NCHW"]


def test_the_energy_channel_of_packed_crops_is_that_of_the_real_images(expected, tmp_path):
    names = [name for name in expected if name.endswith(".hdf5")]
    image_BCHW, store = packed(names, ELECTRON_PHOTON, tmp_path)
    with np.load(DATA / "real" / "electron_photon_energy_100.npz") as real:
        image_BHW, label = real["x"], real["y"]
    for of_class in (0, 1):
        energy_BHW = image_BCHW[store.label == of_class, 0]
        np.testing.assert_array_equal(energy_BHW, image_BHW[label == of_class])
