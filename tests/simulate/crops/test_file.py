import h5py
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from calobatch.simulate.crops.file import write_crops


def crops(events):
    shape = (events, 32, 32, 2)
    rng = np.random.default_rng(0)
    return np.where(rng.random(shape) < 0.05, rng.normal(size=shape), 0).astype(np.float32)


@pytest.mark.parametrize("label", [0, 1])
def test_the_file_has_the_layout_of_the_public_files(tmp_path, label):
    """Keys X and y, float32, LZF, chunks of 3000 events."""
    image_BHWC = crops(4000)
    write_crops(tmp_path / "a.hdf5", 4000, label, np.array_split(image_BHWC, 8))
    with h5py.File(tmp_path / "a.hdf5") as file:
        assert sorted(file) == ["X", "y"]
        assert (file["X"].shape, file["y"].shape) == ((4000, 32, 32, 2), (4000,))
        assert file["X"].dtype == file["y"].dtype == np.dtype("<f4")
        assert file["X"].compression == file["y"].compression == "lzf"
        assert (file["X"].chunks, file["y"].chunks) == ((3000, 32, 32, 2), (3000,))
        assert not file["X"].shuffle
        assert set(file["y"][:]) == {label}
        np.testing.assert_array_equal(file["X"][:], image_BHWC)


@settings(max_examples=15, deadline=None)
@given(
    sizes=st.lists(st.integers(1, 40), min_size=1, max_size=8), events_per_chunk=st.integers(1, 50)
)
def test_the_file_has_the_events_of_blocks_of_any_size_in_order(
    tmp_path_factory, set_chunk, sizes, events_per_chunk
):
    set_chunk(events_per_chunk)
    path = tmp_path_factory.mktemp("crops") / "a.hdf5"
    image_BHWC = crops(sum(sizes))
    write_crops(path, sum(sizes), 1, iter(np.split(image_BHWC, np.cumsum(sizes)[:-1])))
    with h5py.File(path) as file:
        np.testing.assert_array_equal(file["X"][:], image_BHWC)


@pytest.fixture(scope="module")
def set_chunk():
    """Return a function that sets the events per chunk, so that few events fill several chunks."""
    with pytest.MonkeyPatch.context() as patch:
        yield lambda events: patch.setattr("calobatch.simulate.crops.file.EVENTS_PER_CHUNK", events)


def test_the_file_says_that_it_is_simulated(tmp_path):
    write_crops(tmp_path / "a.hdf5", 3, 1, [crops(3)])
    with h5py.File(tmp_path / "a.hdf5") as file:
        assert "simulated by calobatch" in file.attrs["simulation"]
        assert "Not CMS data" in file.attrs["simulation"]
