import json
import shutil
import subprocess
import sys

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from calobatch.config.models import SPLITS, Split
from calobatch.errors import UserError
from calobatch.pack.pack import pack
from calobatch.store import open_store, read_manifest


@given(events=st.lists(st.integers(0, 129), max_size=20))
def test_dense_images_come_in_the_order_in_which_events_were_asked_for(packed_crops, crops, events):
    image_BCHW = packed_crops.dense(np.array(events, dtype=np.int64))
    assert image_BCHW.dtype == np.float32
    np.testing.assert_array_equal(image_BCHW, crops.image_BCHW[events], strict=True)


def test_every_event_is_in_exactly_one_split(packed_jets):
    events = np.concatenate([packed_jets.events_of(split) for split in SPLITS])
    assert sorted(events) == list(range(len(packed_jets)))


def test_events_are_memory_mapped_and_read_only(packed_crops):
    assert not packed_crops.value.flags.owndata
    assert not packed_crops.value.flags.writeable


@pytest.fixture
def folder(crops, tmp_path):
    """A store that a test may damage."""
    folder = tmp_path / "store"
    pack("electron_photon", crops.layout, crops.paths, folder, split=Split(), zero_below=0.0)
    return folder


def rewrite_events(folder, change):
    path = folder / "events.arrow"
    with pa.OSFile(str(path)) as file:
        batch = change(pa.ipc.open_file(file).get_batch(0))
    with pa.OSFile(str(path), "wb") as file, pa.ipc.new_file(file, batch.schema) as writer:
        writer.write_batch(batch)


def without_batches(folder):
    path = folder / "events.arrow"
    with pa.OSFile(str(path), "wb") as file:
        pa.ipc.new_file(file, pa.schema([("label", pa.uint8())])).close()


def truncate(folder):
    path = folder / "events.arrow"
    path.write_bytes(path.read_bytes()[:-1000])


@pytest.mark.parametrize(
    "damage",
    [
        shutil.rmtree,
        lambda folder: (folder / "events.arrow").unlink(),
        lambda folder: (folder / "manifest.json").unlink(),
        truncate,
        without_batches,
        lambda folder: (folder / "events.arrow").write_bytes(b""),
        lambda folder: rewrite_events(folder, lambda batch: batch.slice(0, 50)),
        lambda folder: rewrite_events(folder, lambda batch: batch.select(["label", "split"])),
        lambda folder: rewrite_events(folder, lambda batch: batch.rename_columns(list("abc"))),
        lambda folder: (folder / "manifest.json").write_bytes(b"\xff\xfe"),
        lambda folder: (folder / "manifest.json").write_text("{"),
        lambda folder: (folder / "manifest.json").write_text("[1]"),
        lambda folder: (folder / "manifest.json").write_text('{"format": 1}'),
        lambda folder: (folder / "manifest.json").write_text('{"format": 0}'),
    ],
)
def test_an_incomplete_store_is_an_error_that_says_to_pack_again(folder, damage):
    damage(folder)
    with pytest.raises(UserError, match=rf"{folder}/(events.arrow|manifest.json).*pack") as raised:
        open_store(folder)
    assert str(raised.value).endswith("; pack the dataset again")


def test_a_store_with_another_format_is_an_error_that_names_both_formats(folder):
    path = folder / "manifest.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"format": 99}))
    with pytest.raises(UserError, match="has format 99, expected 1; pack the dataset again"):
        read_manifest(folder)


def test_importing_the_store_does_not_load_torch():
    """Stages that read a store but train nothing run where torch is not installed."""
    code = "import sys; import calobatch.store; print('torch' in sys.modules)"
    command = [sys.executable, "-c", code]
    answer = subprocess.run(command, capture_output=True, text=True, check=True)
    assert answer.stdout == "False\n"
