from pathlib import Path

import h5py
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from calobatch.errors import UserError
from calobatch.raw.open_raw import open_raw
from tests.layouts import ELECTRON_PHOTON, QUARK_GLUON
from tests.raw_files import random_events, read_whole, write_hdf5


def assert_same_bits(found, expected):
    np.testing.assert_array_equal(
        np.ascontiguousarray(found, np.float32).view(np.uint32), expected.view(np.uint32)
    )


@pytest.mark.parametrize("at_a_time", [1, 29, 30, 31, 69, 70, 1000])
def test_blocks_of_any_size_equal_the_source_bit_for_bit(crops, at_a_time):
    block = read_whole(open_raw(crops.paths[0], ELECTRON_PHOTON), at_a_time)
    assert_same_bits(block.image_BCHW, crops.image_BCHW[:70])
    assert block.scalars_BS.shape == (70, 0)


@pytest.mark.parametrize(("events", "step"), [(1, 30), (30, 30), (59, 30), (60, 60), (99, 90)])
def test_pieces_begin_with_a_chunk(crops, events, step):
    pieces = list(open_raw(crops.paths[0], ELECTRON_PHOTON).pieces(events))
    assert [piece.start for piece in pieces] == list(range(0, 70, step))
    assert [piece.stop for piece in pieces] == [*range(step, 70, step), 70]


@pytest.mark.parametrize("chunks", [(1500, 32, 32, 2), (1500, 16, 16, 1)])
def test_a_chunk_larger_than_a_block_is_decoded_once(tmp_path, chunks):
    """Count the bytes read: HDF5 reads a chunk from the file each time it decodes the chunk."""
    events = random_events(ELECTRON_PHOTON, [0, 1] * 1500, seed=0)
    path = write_hdf5(tmp_path / "a.hdf5", ELECTRON_PHOTON, events, chunks=chunks)
    raw = open_raw(path, ELECTRON_PHOTON)
    before = bytes_read_by_this_process()
    found = read_whole(raw, 250)
    assert bytes_read_by_this_process() - before < 1.5 * path.stat().st_size
    assert_same_bits(found.image_BCHW, events.image_BCHW)


def bytes_read_by_this_process():
    return int(Path("/proc/self/io").read_text().split()[1])


def test_jets_with_channels_last_are_read_with_their_scalars(jets_hdf5):
    raw = open_raw(jets_hdf5.paths[0], QUARK_GLUON)
    block = read_whole(raw, 7)
    assert_same_bits(block.image_BCHW, jets_hdf5.image_BCHW)
    np.testing.assert_array_equal(block.scalars_BS, jets_hdf5.scalars_BS)
    np.testing.assert_array_equal(raw.labels(), jets_hdf5.label)


@pytest.mark.parametrize(
    "options",
    [
        {"chunks": None, "compression": None},
        {"compression": "gzip", "shuffle": True, "fletcher32": True},
        {"dtype": ">f4"},
        {"dtype": "f8"},
    ],
)
def test_chunks_compression_and_number_type_do_not_matter(tmp_path, options):
    events = random_events(ELECTRON_PHOTON, [0, 1, 1], seed=0)
    path = write_hdf5(tmp_path / "a.h5", ELECTRON_PHOTON, events, **options)
    assert_same_bits(read_whole(open_raw(path, ELECTRON_PHOTON)).image_BCHW, events.image_BCHW)


def rewritten(path, layout, events, change):
    """Write the events; replace their images by those that ``change`` returns."""
    write_hdf5(path, layout, events)
    with h5py.File(path, "a") as file:
        images = file[layout.image][:]
        del file[layout.image]
        file[layout.image] = change(images)
    return path


def test_images_with_channels_first_are_read(tmp_path):
    events = random_events(ELECTRON_PHOTON, [0, 1, 1], seed=0)
    path = rewritten(tmp_path / "a.hdf5", ELECTRON_PHOTON, events, lambda x: np.moveaxis(x, -1, 1))
    assert_same_bits(read_whole(open_raw(path, ELECTRON_PHOTON), 2).image_BCHW, events.image_BCHW)


@pytest.mark.parametrize("kind", ["i2", "u1", "i8", "?", "f2"])
def test_images_may_be_of_any_kind_of_number(tmp_path, kind):
    events = random_events(ELECTRON_PHOTON, [0, 1, 1], seed=0)
    image_BCHW = (events.image_BCHW != 0).astype("f4")
    path = rewritten(
        tmp_path / "a.hdf5",
        ELECTRON_PHOTON,
        events._replace(image_BCHW=image_BCHW),
        lambda images: images.astype(kind),
    )
    assert_same_bits(read_whole(open_raw(path, ELECTRON_PHOTON)).image_BCHW, image_BCHW)


def test_images_of_one_channel_need_no_axis_for_it(tmp_path):
    layout = ELECTRON_PHOTON.model_copy(update={"channels": ELECTRON_PHOTON.channels[:1]})
    events = random_events(layout, [0, 1, 1], seed=0)
    path = rewritten(tmp_path / "a.hdf5", layout, events, lambda images: images[..., 0])
    assert_same_bits(read_whole(open_raw(path, layout)).image_BCHW, events.image_BCHW)


@pytest.mark.parametrize("suffix", [".HDF5", ".H5"])
def test_the_suffix_may_be_in_capitals(tmp_path, suffix):
    events = random_events(ELECTRON_PHOTON, [0, 1, 1], seed=0)
    path = write_hdf5(tmp_path / f"a{suffix}", ELECTRON_PHOTON, events)
    assert open_raw(path, ELECTRON_PHOTON).events == 3


def test_labels_may_be_whole_numbers_in_a_column(tmp_path):
    events = random_events(ELECTRON_PHOTON, [0, 1, 1], seed=0)
    path = write_hdf5(tmp_path / "a.hdf5", ELECTRON_PHOTON, events)
    with h5py.File(path, "a") as file:
        del file["y"]
        file["y"] = np.array([[0], [1], [1]], dtype=np.uint8)
    raw = open_raw(path, ELECTRON_PHOTON)
    assert raw.labels().tolist() == [0, 1, 1]
    assert raw.events == 3


def test_only_a_file_marked_as_simulation_is_simulated(tmp_path, crops):
    assert not open_raw(crops.paths[0], ELECTRON_PHOTON).simulated
    path = tmp_path / "a.hdf5"
    path.write_bytes(crops.paths[0].read_bytes())
    with h5py.File(path, "a") as file:
        file.attrs["simulation"] = "yes"
    assert open_raw(path, ELECTRON_PHOTON).simulated


@pytest.fixture(scope="module")
def small_file(tmp_path_factory):
    path = tmp_path_factory.mktemp("damage") / "small.hdf5"
    return write_hdf5(path, ELECTRON_PHOTON, random_events(ELECTRON_PHOTON, [0, 1] * 3, seed=0))


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_damaged_bytes_are_read_or_refused_with_a_message(small_file, data):
    """These files have no checksums, so not every change is noticed; but none is a traceback."""
    content = bytearray(small_file.read_bytes())
    # Most of the structure that can break is at the beginning.
    place = st.one_of(st.integers(0, 4000), st.integers(0, len(content) - 1))
    for _ in range(data.draw(st.integers(1, 3))):
        content[data.draw(place)] = data.draw(st.integers(0, 255))
    altered = small_file.with_name("altered.hdf5")
    altered.write_bytes(content)
    refusal = str(altered)
    try:
        raw = open_raw(altered, ELECTRON_PHOTON)
        raw.labels()
        if raw.events:
            assert read_whole(raw).image_BCHW.shape == (raw.events, 2, 32, 32)
    except UserError as error:
        refusal = str(error)
    assert str(altered) in refusal
