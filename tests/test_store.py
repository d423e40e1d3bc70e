import json
import shutil
import subprocess
import sys
from functools import partial

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from calobatch.checksum import sha256_of
from calobatch.config.dataset import SPLITS, Split
from calobatch.errors import UserError
from calobatch.pack.pack import pack
from calobatch.store import hit_type, open_store, read_manifest
from tests.layouts import ELECTRON_PHOTON


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
    read_manifest(folder).model_copy(update={"format": 99}).write(folder / "manifest.json")
    with pytest.raises(UserError, match="has format 99, expected 1 or 2; pack the dataset again"):
        read_manifest(folder)


def replaced(batch, name, column):
    """Return the batch with another column of this name."""
    return batch.set_column(batch.column_names.index(name), batch.schema.field(name), column)


def change_offsets(folder, change):
    """Change the offsets in the file itself, because Arrow would write consistent ones."""
    start = np.array(open_store(folder).start)
    path = folder / "events.arrow"
    before, content = start.tobytes(), path.read_bytes()
    assert content.count(before) == 1
    change(start)
    path.write_bytes(content.replace(before, start.tobytes()))


def with_number(name, number):
    def changed(batch):
        values = batch.column(name).to_numpy().copy()
        values[7] = number
        return replaced(batch, name, pa.array(values))

    return changed


def with_pixel(batch):
    hits = batch.column("hits")
    pixel = hits.values.field("pixel").to_numpy().copy()
    pixel[7] = 2048
    parts = [pa.array(pixel), hits.values.field("value")]
    struct = pa.StructArray.from_arrays(parts, fields=list(hit_type(ELECTRON_PHOTON)))
    return replaced(batch, "hits", pa.LargeListArray.from_arrays(hits.offsets, struct))


def with_a_missing_label(batch):
    labels = batch.column("label").to_pylist()
    return replaced(batch, "label", pa.array([None, *labels[1:]], pa.uint8()))


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (partial(change_offsets, change=lambda start: start.__setitem__(0, 1)), "hits of its"),
        (partial(change_offsets, change=lambda start: start.__setitem__(5, start[7])), "offset"),
        (
            partial(change_offsets, change=lambda start: start.__setitem__(-1, start[-1] - 1)),
            "hits of",
        ),
        (partial(change_offsets, change=lambda start: start.__setitem__(-1, 10**12)), "offset"),
        (partial(change_offsets, change=lambda start: start.__setitem__(5, -(10**9))), "offset"),
        (partial(rewrite_events, change=with_pixel), "has pixel 2048, and the largest .* is 2047"),
        (partial(rewrite_events, change=with_number("label", 2)), "it has label 2, and the larg"),
        (partial(rewrite_events, change=with_number("split", 3)), "it has split 3, and the larg"),
        (partial(rewrite_events, change=with_a_missing_label), "missing values"),
        (
            partial(rewrite_events, change=lambda b: replaced(b, "split", b.column("label"))),
            "numbers of events",
        ),
    ],
)
def test_events_that_lead_out_of_their_arrays_are_refused_although_the_checksum_agrees(
    folder, damage, said
):
    """Compiled code follows offsets and pixels without asking where they lead."""
    damage(folder)
    sha256 = sha256_of(folder / "events.arrow")
    manifest = read_manifest(folder).model_copy(update={"events_sha256": sha256})
    manifest.write(folder / "manifest.json")
    with pytest.raises(UserError, match=rf"events\.arrow: .*{said}.*; pack the dataset again"):
        open_store(folder)


def test_a_changed_byte_is_found_also_after_the_store_was_opened(folder):
    events = folder / "events.arrow"
    for _ in range(2):
        open_store(folder)
    content = bytearray(events.read_bytes())
    content[len(content) // 2] ^= 1
    events.write_bytes(content)
    for _ in range(2):
        with pytest.raises(UserError, match=r"events\.arrow: its SHA-256 is not the one in manif"):
            open_store(folder)
    content[len(content) // 2] ^= 1
    events.write_bytes(content)
    open_store(folder)


def test_a_manifest_without_a_checksum_is_read_and_a_changed_one_is_not(folder):
    path = folder / "manifest.json"
    content = json.loads(path.read_text())
    path.write_text(json.dumps(content | {"zero_below": 1.0}))
    with pytest.raises(UserError, match=r"manifest\.json: it was changed after it was written"):
        open_store(folder)
    del content["content_sha256"]
    path.write_text(json.dumps(content))
    open_store(folder)


def test_importing_the_store_does_not_load_torch():
    """Stages that read a store but train nothing run where torch is not installed."""
    code = "import sys; import calobatch.store; print('torch' in sys.modules)"
    command = [sys.executable, "-c", code]
    answer = subprocess.run(command, capture_output=True, text=True, check=True)
    assert answer.stdout == "False\n"
