"""Files that people really have (tests/data/cases): read with the right values, or refused.

`pytest tests/pack/test_cases.py` goes through all of them.
"""

import h5py
import numpy as np
import pyarrow.parquet as pq
import pytest

from calobatch.config.dataset import Split
from calobatch.errors import UserError
from calobatch.pack.pack import pack
from calobatch.store import open_store
from tests.checkout import CHECKOUT
from tests.layouts import LAYOUTS

CASES = CHECKOUT / "tests" / "data" / "cases"
READ = {
    "channels_first.hdf5",
    "channels_last.parquet",
    "fixed_size_list.parquet",
    "label_bool.parquet",
}
REFUSED = {
    "dangling_link.hdf5": "X is a link to /nowhere, which does not exist",
    "filter_blosc.hdf5": "compressed with the filter blosc .* install hdf5plugin",
    "git_lfs_pointer.hdf5": "a pointer of git-lfs, not the file; run `git lfs pull`",
    "never_written.hdf5": "nothing was written to X",
    "two_columns_of_one_name.parquet": "has 2 columns called pt",
    "virtual_source_missing.hdf5": r"the values of X are in other files \(.+\); write",
    "zip_archive.hdf5": "this is a zip archive; unpack it",
}


def packed(name, folder):
    layout = LAYOUTS["electron_photon" if name.endswith(".hdf5") else "quark_gluon"]
    pack(layout.name, layout, [CASES / name], folder, split=Split(), zero_below=0.0)
    return open_store(folder)


def images_and_labels(name):
    """Return the images, channels first, and the labels, read with nothing of calobatch."""
    if name.endswith(".hdf5"):
        with h5py.File(CASES / name) as file:
            image, label = file["X"][:], file["y"][:]
    else:
        table = pq.read_table(CASES / name)
        image, label = np.array(table["X_jets"].to_pylist()), np.array(table["y"].to_pylist())
    channels = {"channels_last.parquet": -1}.get(name, 1)
    return np.moveaxis(image, channels, 1).astype(np.float32), label


def test_every_file_is_a_case():
    assert {path.name for path in CASES.iterdir()} == READ | set(REFUSED)


@pytest.mark.parametrize("name", sorted(READ))
def test_sound_files_are_read(name, tmp_path):
    store = packed(name, tmp_path / "store")
    image, label = images_and_labels(name)
    assert np.array_equal(store.dense(np.arange(len(store))), image)
    assert np.array_equal(store.label, label)


@pytest.mark.parametrize("name", sorted(REFUSED))
def test_other_files_are_refused_with_what_helps(name, tmp_path):
    with pytest.raises(UserError, match=REFUSED[name]):
        packed(name, tmp_path / "store")
    assert not (tmp_path / "store" / "manifest.json").exists()
