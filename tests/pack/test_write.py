import numpy as np
import pyarrow as pa
import pytest

from calobatch.checksum import sha256_of
from calobatch.pack.sparsify import sparsify
from calobatch.pack.write import StoreWriter
from tests.layouts import QUARK_GLUON

IMAGES_BCHW = np.zeros((3, *QUARK_GLUON.shape), dtype=np.float32)
IMAGES_BCHW[0, 2, 124, 124] = 2.5
IMAGES_BCHW[2, 0, 0, [0, 7]] = -1
SCALARS_BS = np.arange(6.0).reshape(3, 2)


def written(folder, blocks):
    """Write the three images in blocks; return the SHA-256 the writer reports, and the batch."""
    labels, splits = np.array([0, 1, 1], np.uint8), np.array([2, 0, 1], np.uint8)
    with StoreWriter(folder) as writer:
        for block in blocks:
            writer.add(sparsify(IMAGES_BCHW[block], 0.0), SCALARS_BS[block])
        reported = writer.finish_events(QUARK_GLUON, labels, splits)
        path = writer.scratch / "events.arrow"
        assert reported == sha256_of(path)
        with pa.OSFile(str(path)) as file:
            return reported, pa.ipc.open_file(file).get_batch(0)


def test_the_file_has_the_documented_columns(tmp_path):
    _, batch = written(tmp_path, [slice(0, 3)])
    assert [(field.name, str(field.type)) for field in batch.schema] == [
        ("hits", "large_list<item: struct<pixel: uint16 not null, value: float not null>>"),
        ("label", "uint8"),
        ("split", "uint8"),
        ("pt", "double"),
        ("m0", "double"),
    ]
    assert batch.to_pylist() == [
        {"hits": [{"pixel": 46874, "value": 2.5}], "label": 0, "split": 2, "pt": 0, "m0": 1},
        {"hits": [], "label": 1, "split": 0, "pt": 2, "m0": 3},
        {
            "hits": [{"pixel": 0, "value": -1}, {"pixel": 7, "value": -1}],
            "label": 1,
            "split": 1,
            "pt": 4,
            "m0": 5,
        },
    ]


def test_the_file_does_not_depend_on_the_blocks(tmp_path):
    whole, _ = written(tmp_path / "whole", [slice(0, 3)])
    in_blocks, _ = written(tmp_path / "blocks", [slice(0, 1), slice(1, 2), slice(2, 3)])
    assert whole == in_blocks


def test_a_store_that_was_not_published_leaves_nothing(tmp_path):
    written(tmp_path, [slice(0, 3)])
    assert not list(tmp_path.iterdir())


def test_leftovers_of_a_killed_pack_do_not_matter(tmp_path):
    (tmp_path / ".partial").mkdir()
    (tmp_path / ".partial" / "pixel").write_bytes(b"left by a killed process")
    left_over, _ = written(tmp_path, [slice(0, 3)])
    assert left_over == written(tmp_path / "clean", [slice(0, 3)])[0]


def test_an_error_is_passed_on(tmp_path):
    with pytest.raises(ZeroDivisionError), StoreWriter(tmp_path / "store"):
        raise ZeroDivisionError
    assert not list((tmp_path / "store").iterdir())
