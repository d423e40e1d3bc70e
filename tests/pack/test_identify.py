import json

import numpy as np
import pytest

from calobatch.checksum import sha256_of
from calobatch.config.dataset import Split
from calobatch.errors import UserError
from calobatch.pack.identify import expected_files
from calobatch.pack.pack import pack
from calobatch.public.table import RemoteFile
from calobatch.store import open_store
from tests.raw_files import RawFiles, random_events, write_hdf5


@pytest.fixture
def own(crops, tmp_path) -> RawFiles:
    """Copies of the crops, which a test can alter."""
    copies = [tmp_path / path.name for path in crops.paths]
    for path, copy in zip(crops.paths, copies, strict=True):
        copy.write_bytes(path.read_bytes())
    return crops._replace(paths=copies)


def remote(path, size=None, sha256=None, dataset="data"):
    return RemoteFile(dataset, path.name, ("https://127.0.0.1:9/a",), size, sha256, None)


def pin(path, pins):
    content = {"bytes": path.stat().st_size, "sha256": sha256_of(path), "url": "", "fetched": ""}
    (pins / "data").mkdir(parents=True, exist_ok=True)
    (pins / "data" / f"{path.name}.json").write_text(json.dumps(content))


def packed(own, table, tmp_path):
    expected = expected_files("data", table, tmp_path / "pins")
    folder = tmp_path / "store"
    pack("data", own.layout, own.paths, folder, split=Split(), zero_below=0.0, expected=expected)
    return open_store(folder)


def alter(own):
    """Replace the second file by another valid file of the same class."""
    write_hdf5(own.paths[1], own.layout, random_events(own.layout, [0] * 60, seed=8))


def test_files_that_equal_their_pins_are_packed(own, tmp_path):
    pin(own.paths[1], tmp_path / "pins")
    store = packed(own, [remote(path) for path in own.paths], tmp_path)
    np.testing.assert_array_equal(store.dense(np.arange(130)), own.image_BCHW)


def test_a_file_that_differs_from_its_pin_is_refused_before_anything_is_packed(own, tmp_path):
    pin(own.paths[1], tmp_path / "pins")
    alter(own)
    with pytest.raises(UserError) as raised:
        packed(own, [remote(path) for path in own.paths], tmp_path)
    for part in (str(own.paths[1]), "pins/data/", sha256_of(own.paths[1]), "to fetch it again"):
        assert part in str(raised.value)
    assert not (tmp_path / "store").exists()


@pytest.mark.parametrize("known", [{"size": 7}, {"sha256": "0" * 64}])
def test_size_and_sha256_of_the_table_are_checked_without_a_pin(own, tmp_path, known):
    with pytest.raises(UserError, match=r"(?s)not the expected file.*the dataset table"):
        packed(own, [remote(own.paths[0], **known)], tmp_path)


def test_pins_and_table_lines_of_other_datasets_are_ignored(own, tmp_path):
    pin(own.paths[1], tmp_path / "pins")
    alter(own)
    other = [remote(path, size=7, dataset="other") for path in own.paths]
    assert len(packed(own, other, tmp_path)) == 130
