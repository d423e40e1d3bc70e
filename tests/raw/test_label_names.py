"""Labels that are names of classes."""

import h5py
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import uproot

from calobatch.errors import UserError
from calobatch.raw.open_raw import open_raw
from tests.layouts import ELECTRON_PHOTON
from tests.raw_files import nested_lists

NAMES = ["electron", "photon", "photon", "electron"]
IMAGE = np.ones((4, 2, 32, 32), np.float32)


def hdf5(path, names):
    with h5py.File(path, "w") as file:
        file["X"] = IMAGE
        file["y"] = names
    return path


def parquet(path, names, as_type=None):
    labels = pa.array(names).cast(as_type or pa.string())
    pq.write_table(pa.table({"X": nested_lists(IMAGE), "y": labels}), path)
    return path


def npz(path, names):
    np.savez(path, X=IMAGE, y=np.array(names))
    return path


def root(path, names):
    with uproot.recreate(path) as file:
        file.mkrntuple("events", {"X": IMAGE, "y": names})
    return path


WRITERS = {
    "a.hdf5": hdf5,
    "a.parquet": parquet,
    "dictionary.parquet": lambda p, names: parquet(p, names, pa.dictionary(pa.int8(), pa.string())),
    "a.npz": npz,
    "a.root": root,
}


@pytest.mark.parametrize("name", WRITERS)
def test_names_of_classes_become_labels(tmp_path, name):
    path = WRITERS[name](tmp_path / name, NAMES)
    assert open_raw(path, ELECTRON_PHOTON).labels().tolist() == [1, 0, 0, 1]


@pytest.mark.parametrize("name", WRITERS)
def test_another_name_is_refused(tmp_path, name):
    path = WRITERS[name](tmp_path / name, [*NAMES[:3], "pion"])
    message = "event 3 has label 'pion', expected a number or one of photon, electron"
    with pytest.raises(UserError, match=message):
        open_raw(path, ELECTRON_PHOTON).labels()
