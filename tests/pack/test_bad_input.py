"""Bad input: each case alters a valid file; the message must name the problem and the fix."""

import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import h5py
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from calobatch.config.dataset import Split
from calobatch.errors import UserError
from calobatch.pack.pack import pack
from calobatch.store import open_store
from tests.layouts import ELECTRON_PHOTON, QUARK_GLUON
from tests.raw_files import Events, nested_lists, random_events, write_hdf5, write_parquet

FINAL_NAMES = ("events.arrow", "manifest.json")
SPLIT = Split(validation=0.3, test=0.3)
LABELS = np.tile([0.0, 1.0], 6)


class BeforeWriting(NamedTuple):
    """A change to the events before they are written; other cases change the written file."""

    change: Callable[[Events], Events]


def altered(part, index, value, dtype=None):
    """Return a case that sets values of the events before they are written."""

    def change(events):
        events = Events(*(array.astype(dtype or array.dtype) for array in events))
        getattr(events, part)[index] = value
        return events

    return BeforeWriting(change)


def hdf5_with(change):
    """Return a case that changes the keys of the written file."""

    def alter(path):
        with h5py.File(path, "a") as file:
            change(file)

    return alter


def replaced(key, change):
    def alter(file):
        value = change(file[key][:])
        del file[key]
        file[key] = value

    return hdf5_with(alter)


def relink(file, link):
    del file["X"]
    file["X"] = link


def beginning(content):
    """Return a case that replaces the file by one of another kind, as its first bytes say."""
    return lambda path: path.write_bytes(content + bytes(100))


def with_a_filter_that_is_missing(file):
    """Store the images as a program with the plugin blosc does."""
    images = file["X"][:]
    del file["X"]
    properties = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    properties.set_chunk(images.shape)
    properties.set_filter(32001, h5py.h5z.FLAG_OPTIONAL)
    space = h5py.h5s.create_simple(images.shape)
    array = h5py.h5d.create(file.id, b"X", h5py.h5t.IEEE_F32LE, space, properties)
    array.write_direct_chunk((0, 0, 0, 0), images.tobytes())


def archived(path):
    content = path.read_bytes()
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(path.name, content)


def to_a_folder(path):
    path.unlink()
    path.mkdir()


def leave_open(path):
    """Write the file as a process that is killed before it has closed it."""
    code = (
        "import h5py, os, sys; file = h5py.File(sys.argv[1], 'w', libver='latest');"
        " file['X'] = range(9); file.swmr_mode = True; file.flush(); os._exit(0)"
    )
    subprocess.run([sys.executable, "-c", code, path], check=True)


def make_a_group(file):
    file.move("X", "inside/X")
    file.move("inside", "X")


def truncate(path):
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def break_hdf5_chunk(path):
    with h5py.File(path) as file:
        chunk = file["X"].id.get_chunk_info(0)
    overwrite(path, chunk.byte_offset, chunk.size)


def break_parquet_chunk(path):
    chunk = pq.ParquetFile(path).metadata.row_group(5).column(0)
    overwrite(path, chunk.data_page_offset, chunk.total_compressed_size // 2)


def overwrite(path, start, size):
    content = bytearray(path.read_bytes())
    content[start : start + size] = b"\xff" * size
    path.write_bytes(content)


NOT_A_NUMBER = altered("image_BCHW", (7, 1, 3, 4), np.nan)
NO_EVENTS = BeforeWriting(lambda events: Events(*(array[:0] for array in events)))
OF_EVENT_7 = r"event 7 has a value that is not finite as float32 \(image\); remove the event"
FETCH = "fetch it again"
CHECK_LAYOUT = "check that the file has the layout"
BAD_HDF5 = {
    "truncated": (truncate, rf"bad.hdf5 is not a complete HDF5 file.*{FETCH}"),
    "not_hdf5": (lambda path: path.write_text("x"), rf"bad.hdf5 is not a complete.*{FETCH}"),
    "empty_file": (lambda path: path.write_bytes(b""), rf"bad.hdf5 is empty; delete.*{FETCH}"),
    "web_page": (lambda path: path.write_text("<html>"), "bad.hdf5: this is a web page"),
    "zip": (archived, "bad.hdf5: this is a zip archive; unpack it"),
    "parquet": (beginning(b"PAR1"), "this is a parquet file; give it the ending .parquet"),
    "a_folder": (to_a_folder, "bad.hdf5 is a folder; name the files in it"),
    "open_for_writing": (leave_open, "left open by the program.*`h5clear --status .*bad.hdf5`"),
    "filter_that_is_missing": (
        hdf5_with(with_a_filter_that_is_missing),
        r"compressed with the filter blosc \(number 32001\).*gzip, or, on .* install hdf5plugin",
    ),
    "link_to_nowhere": (
        hdf5_with(lambda f: relink(f, h5py.SoftLink("/gone"))),
        "X is a link to /gone, which does not exist; write the values",
    ),
    "link_to_a_missing_file": (
        hdf5_with(lambda f: relink(f, h5py.ExternalLink("gone.hdf5", "/X"))),
        "X is a link to /X in gone.hdf5, which does not exist; write the values",
    ),
    "all_images_empty": (
        altered("image_BCHW", slice(None), 0),
        "bad.hdf5: all 12 images are empty",
    ),
    "a_class_empty": (
        altered("image_BCHW", slice(1, None, 2), 0),
        r"all 6 images of class 1 \(electron\) are empty; check",
    ),
    "altered_chunk": (
        break_hdf5_chunk,
        rf"bad.hdf5: X of the events 0 to .* cannot be read.*{FETCH}",
    ),
    "missing_images": (
        hdf5_with(lambda f: f.pop("X")),
        rf"bad.hdf5 has no key X \(its keys: y\); {CHECK_LAYOUT}",
    ),
    "missing_labels": (
        hdf5_with(lambda f: f.pop("y")),
        rf"bad.hdf5 has no key y \(its keys: X\); {CHECK_LAYOUT}",
    ),
    "wrong_size": (
        replaced("X", lambda x: x[:, 1:]),
        rf"X has shape \(12, 31, 32, 2\).*{CHECK_LAYOUT}",
    ),
    "fewer_labels": (replaced("y", lambda y: y[1:]), rf"numbers of events \(X 12, y 11\).*{FETCH}"),
    "two_labels_per_event": (
        replaced("y", lambda y: np.tile(y[:, None], 2)),
        rf"y has shape.*{CHECK_LAYOUT}",
    ),
    "one_label": (replaced("y", lambda y: y[0]), rf"y is not an array.*{CHECK_LAYOUT}"),
    "a_group": (hdf5_with(make_a_group), rf"X is not an array.*{CHECK_LAYOUT}"),
    "complex": (
        replaced("X", lambda x: x.astype("c8")),
        rf"X has type complex64, expected numbers; {CHECK_LAYOUT}",
    ),
    "text_labels": (
        replaced("y", lambda y: y.astype("S3")),
        r"event 0 has label '.*', expected a number or one of photon, electron; correct the label",
    ),
    "not_a_number": (NOT_A_NUMBER, OF_EVENT_7),
    "infinite": (altered("image_BCHW", (7, 1, 3, 4), -np.inf), OF_EVENT_7),
    "label_2": (altered("label", 3, 2), "bad.hdf5: event 3 has label 2, expected 0 "),
    "label_half": (altered("label", 3, 0.5), "bad.hdf5: event 3 has label 0.5, expected 0 "),
    "label_nan": (
        altered("label", 3, np.nan),
        "bad.hdf5: event 3 has label nan, expected 0 ",
    ),
    "one_class": (
        altered("label", slice(None), 1),
        r"dataset data: of its [0-9,]+ events, none is of class 0 \(photon\); add files with ",
    ),
    "no_events": (NO_EVENTS, "bad.hdf5 has no events; delete it"),
    "missing": (Path.unlink, "bad.hdf5 does not exist; correct the path"),
}


def parquet_with(column, change):
    """Return a case that rewrites one column of the file."""

    def alter(path):
        table = pq.read_table(path)
        place = table.schema.get_field_index(column)
        table = table.set_column(place, column, change(table[column].combine_chunks()))
        pq.write_table(table, path, row_group_size=1)

    return alter


def null_at(level):
    """Return a change that makes the second list (or value) at a level of nesting null."""

    def change(lists):
        if level == 0:
            nulls = np.zeros(len(lists), dtype=bool)
            nulls[1] = True
            return pa.compute.if_else(pa.array(nulls), pa.scalar(None, lists.type), lists)
        inner = null_at(level - 1)(lists.values)
        return pa.ListArray.from_arrays(lists.offsets, inner)

    return change


def ragged(lists):
    """Move one pixel from a row to the row before it: the image keeps its number of pixels."""
    rows = lists.values.values
    offsets = rows.offsets.to_numpy().copy()
    offsets[40] += 1
    rows = pa.ListArray.from_arrays(pa.array(offsets), rows.values)
    planes = pa.ListArray.from_arrays(lists.values.offsets, rows)
    return pa.ListArray.from_arrays(lists.offsets, planes)


def without(column):
    return lambda path: pq.write_table(pq.read_table(path).drop_columns([column]), path)


def twice(table, column):
    return table.append_column(column, table[column])


def two_channels(lists):
    return nested_lists(np.zeros((len(lists), 2, 125, 125)))


BAD_PARQUET = {
    "truncated": (truncate, rf"bad.parquet is not a complete parquet file.*{FETCH}"),
    "altered_chunk": (break_parquet_chunk, rf"bad.parquet is damaged.*{FETCH}"),
    "missing_images": (
        without("X_jets"),
        rf"has no column X_jets \(its columns: pt, m0, y\); {CHECK_LAYOUT}",
    ),
    "two_columns_of_one_name": (
        lambda path: pq.write_table(twice(pq.read_table(path), "pt"), path),
        "bad.parquet has 2 columns called pt; write the file again with one",
    ),
    "hdf5": (beginning(b"\x89HDF\r\n\x1a\n"), "this is an HDF5 file; give it the ending .hdf5"),
    "missing_scalar": (without("m0"), rf"has no column m0 .*; {CHECK_LAYOUT}"),
    "missing_labels": (without("y"), rf"has no column y .*; {CHECK_LAYOUT}"),
    "flat_images": (
        parquet_with("X_jets", lambda a: a.flatten(recursive=True)[:12]),
        rf"X_jets has type double, expected list.*; {CHECK_LAYOUT}",
    ),
    "two_levels": (
        parquet_with("X_jets", lambda a: a.flatten()[:12]),
        rf"X_jets has type list.*expected list.*; {CHECK_LAYOUT}",
    ),
    "text_labels": (
        parquet_with("y", lambda a: a.cast(pa.string())),
        r"event 0 has label '.*', expected a number or one of gluon, quark; correct the label",
    ),
    "null_image": (
        parquet_with("X_jets", null_at(0)),
        "X_jets has missing values .1 nulls.; remove",
    ),
    "null_plane": (
        parquet_with("X_jets", null_at(1)),
        "X_jets has missing values .1 nulls.; remove",
    ),
    "null_row": (parquet_with("X_jets", null_at(2)), "X_jets has missing values .1 nulls.; remove"),
    "null_pixel": (
        parquet_with("X_jets", null_at(3)),
        "X_jets has missing values .1 nulls.; remove",
    ),
    "null_scalar": (parquet_with("pt", null_at(0)), "pt has missing values .1 nulls.; remove"),
    "null_label": (parquet_with("y", null_at(0)), "y has missing values .1 nulls.; remove"),
    "ragged": (
        parquet_with("X_jets", ragged),
        "X_jets has a list of length 12[46], expected 125; check .*remove events",
    ),
    "two_channels": (
        parquet_with("X_jets", two_channels),
        "X_jets has a list of length 2, expected 3; check .*remove events",
    ),
    "not_a_number": (NOT_A_NUMBER, OF_EVENT_7),
    "too_large": (altered("image_BCHW", (7, 1, 3, 4), 1e300, np.float64), OF_EVENT_7),
    "infinite_scalar": (
        altered("scalars_BS", (7, 1), np.inf),
        r"event 7 has .* not finite as float32 \(scalars\); remove",
    ),
    "label_2": (altered("label", 3, 2), "bad.parquet: event 3 has label 2, expected 0 "),
    "label_nan": (
        altered("label", 3, np.nan),
        "bad.parquet: event 3 has label nan, expected 0 ",
    ),
    "no_events": (NO_EVENTS, "bad.parquet has no events; delete"),
}


@pytest.fixture(scope="module")
def valid():
    """Return what a small valid file of either format is written from."""
    return {
        ".hdf5": (ELECTRON_PHOTON, write_hdf5, random_events(ELECTRON_PHOTON, LABELS, seed=0)),
        ".parquet": (QUARK_GLUON, write_parquet, random_events(QUARK_GLUON, LABELS, seed=0)),
    }


@pytest.fixture(scope="module")
def older_store(tmp_path_factory, valid):
    folder = tmp_path_factory.mktemp("older")
    layout, write, events = valid[".hdf5"]
    path = write(folder / "older.hdf5", layout, events)
    pack("data", layout, [path], folder / "store", split=SPLIT, zero_below=0.0)
    return folder / "store"


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize(
    ("suffix", "alter", "message"),
    [
        pytest.param(suffix, *case, id=f"{name}{suffix}")
        for suffix, cases in ((".hdf5", BAD_HDF5), (".parquet", BAD_PARQUET))
        for name, case in cases.items()
    ],
)
def test_bad_input_gives_one_message_and_leaves_an_older_store_unchanged(
    suffix, alter, message, valid, older_store, tmp_path
):
    layout, write, events = valid[suffix]
    path = tmp_path / f"bad{suffix}"
    if isinstance(alter, BeforeWriting):
        write(path, layout, alter.change(events))
    else:
        write(path, layout, events)
        alter(path)
    store = tmp_path / "store"
    with pytest.raises(UserError, match=message) as raised:
        pack("data", layout, [path], store, split=SPLIT, zero_below=0.0)
    assert "\n" not in str(raised.value)
    assert not [name for name in FINAL_NAMES if (store / name).exists()]

    shutil.copytree(older_store, store, dirs_exist_ok=True)
    with pytest.raises(UserError, match=message):
        pack("data", layout, [path], store, split=SPLIT, zero_below=0.0)
    for name in FINAL_NAMES:
        assert (store / name).read_bytes() == (older_store / name).read_bytes()


def packed(raw, folder, **changes):
    pack("data", raw.layout, raw.paths, folder, split=SPLIT, zero_below=0.0, **changes)
    return open_store(folder)


def test_the_file_of_the_other_class_is_refused(crops, tmp_path):
    electrons, photons = (path.name for path in crops.paths)
    with pytest.raises(
        UserError, match=rf"{electrons}: event 0 has label 1, but .* declares label 0 .*other class"
    ):
        packed(crops, tmp_path, declared_labels={electrons: 0, photons: 1})
    assert len(packed(crops, tmp_path, declared_labels={electrons: 1, photons: 0})) == 130


def test_a_file_of_unknown_type_is_refused(crops, tmp_path):
    path = tmp_path / "crops.fits"
    shutil.copy(crops.paths[0], path)
    with pytest.raises(
        UserError,
        match=r"crops.fits: unknown file type '.fits'; use .hdf5, .h5, .parquet, .npz, .npy, .root",
    ):
        pack("data", ELECTRON_PHOTON, [path], tmp_path / "store", split=SPLIT, zero_below=0.0)


def test_a_file_named_twice_is_refused(crops, tmp_path):
    """Its events could be in the training and in the test split."""
    twice = crops._replace(paths=crops.paths * 2)
    with pytest.raises(UserError, match=r"SingleElectron.* is listed twice; list each file once"):
        packed(twice, tmp_path)


def test_two_files_of_one_name_are_refused(crops, tmp_path):
    first, second = crops.paths
    copy = tmp_path / first.name
    copy.write_bytes(second.read_bytes())
    with pytest.raises(UserError, match=rf"{first} and {copy} have the same name.*rename one"):
        packed(crops._replace(paths=[first, copy]), tmp_path)


def test_the_same_content_under_two_names_is_refused(crops, tmp_path):
    copy = tmp_path / "copy.hdf5"
    shutil.copy(crops.paths[0], copy)
    with pytest.raises(UserError, match=r"copy.hdf5 have the same content; list only one"):
        packed(crops._replace(paths=[*crops.paths, copy]), tmp_path)


def test_a_name_that_is_not_text_is_refused(crops, tmp_path):
    path = tmp_path / "bad\udcff.hdf5"
    shutil.copy(crops.paths[0], path)
    with pytest.raises(UserError, match=r"'bad.*' is not a printable name; rename the file"):
        packed(crops._replace(paths=[path]), tmp_path)


def test_official_test_files_alone_name_the_key_that_divides_their_events(jets, tmp_path):
    files = [path for path in jets.paths if ".test." in path.name]
    only_test = jets._replace(paths=files)
    with pytest.raises(UserError, match=r"no event is left for training; .*split: {by: event}"):
        packed(only_test, tmp_path)


def test_an_error_in_a_worker_process_gives_the_same_message(valid, tmp_path):
    layout, write, events = valid[".hdf5"]
    path = write(tmp_path / "bad.hdf5", layout, NOT_A_NUMBER.change(events))
    with pytest.raises(UserError, match=r"bad.hdf5: event 7 has .*\(image\)"):
        pack("data", layout, [path], tmp_path / "x", split=SPLIT, zero_below=0.0, workers=2)


def test_a_corrected_file_is_read_again(valid, tmp_path):
    layout, write, events = valid[".hdf5"]
    path = write(tmp_path / "a.hdf5", layout, NOT_A_NUMBER.change(events))
    with pytest.raises(UserError):
        pack("data", layout, [path], tmp_path / "store", split=SPLIT, zero_below=0.0)
    write(path, layout, events)
    pack("data", layout, [path], tmp_path / "store", split=SPLIT, zero_below=0.0)
    dense = open_store(tmp_path / "store").dense(np.arange(12))
    np.testing.assert_array_equal(dense, events.image_BCHW)
