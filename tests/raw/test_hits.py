"""Images that are lists of hits, in parquet and ROOT files."""

import awkward as ak
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import uproot

from calobatch.errors import UserError
from calobatch.layouts import Hits, Layout
from calobatch.raw.open_raw import open_raw
from tests.raw_files import read_whole

LAYOUT = Layout.model_validate(
    {
        "name": "tracker",
        "classes": ["muon", "pion"],
        "channels": [{"name": "charge"}, {"name": "time"}],
        "rows": {"number": 5, "name": "x"},
        "columns": {"number": 7, "name": "layer"},
        "hits": {"row": "ix", "column": "il", "value": "q", "channel": "c"},
        "label": "kind",
    }
)
ONE = LAYOUT.model_copy(
    update={"channels": LAYOUT.channels[:1], "hits": Hits(row="ix", column="il", value="q")}
)


def lists(image_BCHW):
    """Return the hits of images as lists."""
    where = [np.argwhere(image) for image in image_BCHW]
    columns = {"c": 0, "ix": 1, "il": 2}
    found = {key: ak.Array([of[:, axis] for of in where]) for key, axis in columns.items()}
    found["q"] = ak.Array([image[image != 0] for image in image_BCHW])
    return found | {"kind": np.arange(len(image_BCHW)) % 2}


def write(path, arrays):
    if path.suffix == ".parquet":
        table = {key: ak.to_arrow(value, extensionarray=False) for key, value in arrays.items()}
        pq.write_table(pa.table(table), path, row_group_size=4)
    else:
        with uproot.recreate(path) as file:
            file.mkrntuple("events", arrays)
    return path


@pytest.fixture(params=["a.parquet", "a.root"])
def path(request, tmp_path):
    return tmp_path / request.param


@pytest.fixture
def image_BCHW():
    random = np.random.default_rng(1)
    shape = (11, *LAYOUT.shape)
    images = np.where(random.random(shape) < 0.2, random.normal(size=shape), 0)
    images[3] = 0  # an event without hits
    return images


@pytest.mark.parametrize("at_a_time", [1, 3, 100])
def test_the_images_are_those_of_the_hits(path, image_BCHW, at_a_time):
    raw = open_raw(write(path, lists(image_BCHW)), LAYOUT)
    np.testing.assert_array_equal(read_whole(raw, at_a_time).image_BCHW, image_BCHW)
    np.testing.assert_array_equal(raw.labels(), np.arange(11) % 2)


def test_one_channel_needs_no_key(path, image_BCHW):
    raw = open_raw(write(path, lists(image_BCHW[:, :1])), ONE)
    np.testing.assert_array_equal(read_whole(raw).image_BCHW, image_BCHW[:, :1])


def test_hits_in_one_pixel_are_added_up_or_refused(path):
    """The same pixel of two events is no such case."""
    arrays = {
        "ix": ak.Array([[1, 1, 2], [1]]),
        "il": ak.Array([[6, 6, 0], [6]]),
        "q": ak.Array([[1.0, 2.0, 4.0], [8.0]]),
        "kind": np.arange(2),
    }
    raw = open_raw(write(path, arrays), ONE)
    with pytest.raises(UserError, match=r"two hits in the same pixel; set hits\.twice to add"):
        read_whole(raw)
    adding = ONE.model_copy(update={"hits": ONE.hits.model_copy(update={"twice": "add"})})
    image = read_whole(open_raw(path, adding)).image_BCHW
    assert (image[0, 0, 1, 6], image[0, 0, 2, 0], image[1, 0, 1, 6]) == (3, 4, 8)
    assert image.sum() == 15


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"ix": ak.Array([[5], [0]])}, "ix has a hit at 5, expected a whole number from 0 to 4"),
        ({"ix": ak.Array([[-1], [0]])}, "ix has a hit at -1, expected a whole number"),
        ({"il": ak.Array([[0.5], [0.0]])}, "il has a hit at 0.5, expected a whole number"),
        ({"il": ak.Array([[np.nan], [0.0]])}, "il has a hit at nan, expected a whole number"),
        ({"il": ak.Array([[0, 1], [0]])}, "il and q have different numbers of hits in 1 events"),
        ({"q": np.ones(2)}, "q has type double, expected list"),
    ],
)
def test_hits_that_fit_no_image_are_refused(path, changed, message):
    arrays = {"ix": ak.Array([[0], [0]]), "il": ak.Array([[0], [0]]), "q": ak.Array([[1.0], [2.0]])}
    with pytest.raises(UserError, match=message):
        read_whole(open_raw(write(path, arrays | {"kind": np.arange(2)} | changed), ONE))


def test_formats_without_lists_are_refused(tmp_path):
    np.savez(tmp_path / "a.npz", ix=np.ones(3))
    with pytest.raises(UserError, match="has lists of hits, which are read from parquet and ROOT"):
        open_raw(tmp_path / "a.npz", ONE)
