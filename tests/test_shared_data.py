"""The readers against files of the public layouts that independent code wrote."""

import hashlib
import json
import os
from pathlib import Path

import numpy as np
import pytest

from calobatch.config.models import Split
from calobatch.layouts import ELECTRON_PHOTON, QUARK_GLUON
from calobatch.pack.pack import pack
from calobatch.store import open_store

BESIDE = Path(__file__).resolve().parents[2] / "shared" / "data"
DATA = Path(os.environ.get("CALOBATCH_SHARED_DATA", BESIDE))
EXPECTED = DATA / "layout" / "expected.json"
pytestmark = pytest.mark.skipif(
    not EXPECTED.exists(),
    reason=f"no {EXPECTED}; CALOBATCH_SHARED_DATA may name the folder that has layout/",
)


@pytest.fixture(scope="module")
def expected():
    return {Path(file).name: facts for file, facts in json.loads(EXPECTED.read_text()).items()}


def packed(names, layout, folder):
    """Pack the files of these names; return every event dense, its label, and the store."""
    files = [DATA / "layout" / name for name in names]
    split = Split(validation=0.3, test=0.3)
    pack("data", layout, files, folder, split=split, zero_below=0.0)
    store = open_store(folder)
    return store.dense(np.arange(len(store))), store


def sha256_of_array(image):
    return hashlib.sha256(np.ascontiguousarray(image, "<f4").tobytes()).hexdigest()


def nonzero(image_BCHW):
    return np.count_nonzero(image_BCHW, axis=(0, 2, 3)).tolist()


def test_crops_are_what_the_independent_writer_says(expected, tmp_path):
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


def test_jets_are_what_the_independent_writer_says(expected, tmp_path):
    (name,) = (name for name in expected if name.endswith(".parquet"))
    fact = expected[name]
    # An official test file alone has no training split: it is packed under another name.
    alias = tmp_path / "jets.parquet"
    alias.symlink_to(DATA / "layout" / name)
    image_BCHW, store = packed([alias], QUARK_GLUON, tmp_path / "store")
    assert image_BCHW.shape == tuple(fact["shape"])
    assert store.label.tolist() == fact["labels"]
    assert nonzero(image_BCHW) == fact["nonzero"]
    assert np.sum(image_BCHW < 0) == fact["negative"]
    assert sha256_of_array(image_BCHW) == fact["sha256_dense_float32_NCHW"]
