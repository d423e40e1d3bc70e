"""Labels that are names of classes."""

import numpy as np
import pyarrow as pa
import pytest

from calobatch.errors import UserError
from calobatch.raw.open_raw import open_raw
from tests.formats import WRITERS, parquet
from tests.layouts import ELECTRON_PHOTON

NAMES = ["electron", "photon", "photon", "electron"]
IMAGE = np.ones((4, 2, 32, 32), np.float32)
WITH_TEXT = WRITERS | {
    "dictionary.parquet": lambda path, arrays: parquet(
        path, arrays, pa.dictionary(pa.int8(), pa.string())
    ),
}


@pytest.mark.parametrize("name", WITH_TEXT)
def test_names_of_classes_become_labels(tmp_path, name):
    path = WITH_TEXT[name](tmp_path / name, {"X": IMAGE, "y": NAMES})
    assert open_raw(path, ELECTRON_PHOTON).labels().tolist() == [1, 0, 0, 1]


@pytest.mark.parametrize("name", WITH_TEXT)
def test_another_name_is_refused(tmp_path, name):
    path = WITH_TEXT[name](tmp_path / name, {"X": IMAGE, "y": [*NAMES[:3], "pion"]})
    message = "event 3 has label 'pion', expected a number or one of photon, electron"
    with pytest.raises(UserError, match=message):
        open_raw(path, ELECTRON_PHOTON).labels()
