"""A third public kind of data, which no line of code knows."""

import numpy as np

from calobatch.config.dataset import Split
from calobatch.config.layout_file import read_layout
from calobatch.pack.pack import pack
from calobatch.store import open_store
from tests.raw_files import random_events, write_parquet

TOP = read_layout("boosted_top")


def test_jets_with_eight_channels_are_packed_by_their_layout_alone(tmp_path):
    """Pixel numbers beyond 65,535, and one row group per jet, as in the public files."""
    events = random_events(TOP, [0, 1] * 12, seed=5)
    path = write_parquet(tmp_path / "top.parquet", TOP, events)
    pack("boosted_top", TOP, [path], tmp_path / "store", split=Split(), zero_below=0.0)
    store = open_store(tmp_path / "store")
    assert store.layout.shape == (8, 125, 125)
    found = store.dense(np.arange(24))
    np.testing.assert_array_equal(found.view(np.uint32), events.image_BCHW.view(np.uint32))
