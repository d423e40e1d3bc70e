import numpy as np
import pyarrow as pa
import pytest

from calobatch.checksum import sha256_of
from calobatch.config.dataset import SPLITS, Split
from calobatch.pack.pack import pack
from calobatch.store import open_store
from tests.layouts import ELECTRON_PHOTON, QUARK_GLUON
from tests.raw_files import random_events, write_hdf5, write_parquet

SPLIT = Split(validation=0.3, test=0.3)


def bits(image_BCHW):
    return np.ascontiguousarray(image_BCHW, np.float32).view(np.uint32)


def packed(raw, folder, **changes):
    settings = {"split": Split(), "zero_below": 0.0} | changes
    pack("data", raw.layout, raw.paths, folder, **settings)
    return open_store(folder)


@pytest.mark.parametrize("kind", ["crops", "jets", "jets_hdf5"])
def test_dense_images_equal_the_source_bit_for_bit_and_in_order(kind, request, tmp_path):
    raw = request.getfixturevalue(kind)
    store = packed(raw, tmp_path)
    assert len(store) == len(raw.label)
    np.testing.assert_array_equal(
        bits(store.dense(np.arange(len(store)))), bits(raw.image_BCHW), strict=True
    )
    np.testing.assert_array_equal(store.label, raw.label)
    np.testing.assert_array_equal(store.scalars_BS, raw.scalars_BS)


def test_only_values_below_the_zero_threshold_are_changed(jets, tmp_path):
    store = packed(jets, tmp_path, zero_below=1e-3)
    small = np.abs(jets.image_BCHW) < np.float32(1e-3)
    assert np.any(small & (jets.image_BCHW != 0))
    expected = np.where(small, np.float32(0), jets.image_BCHW)
    np.testing.assert_array_equal(bits(store.dense(np.arange(len(store)))), bits(expected))
    assert store.manifest.zero_below == 1e-3


def check_statistics(manifest, image_BCHW, scalars_BS):
    pixels = image_BCHW.astype(np.float64).swapaxes(0, 1).reshape(image_BCHW.shape[1], -1)
    for of_channel, values in zip(manifest.channels, pixels, strict=True):
        assert of_channel.fill == np.count_nonzero(values) / values.size
        assert of_channel.mean == pytest.approx(values.mean(), rel=1e-9)
        assert of_channel.std == pytest.approx(values.std(), rel=1e-9)
        assert (of_channel.minimum, of_channel.maximum) == (values.min(), values.max())
    for of_scalar, values in zip(manifest.scalars, scalars_BS.T, strict=True):
        assert (of_scalar.mean, of_scalar.std) == pytest.approx((values.mean(), values.std()))


@pytest.mark.parametrize("kind", ["crops", "jets"])
def test_the_statistics_in_the_manifest_are_those_of_the_training_split(kind, request):
    raw, store = request.getfixturevalue(kind), request.getfixturevalue(f"packed_{kind}")
    training = store.events_of("train")
    check_statistics(store.manifest, raw.image_BCHW[training], raw.scalars_BS[training])
    for index, split in enumerate(SPLITS):
        for label, name in enumerate(raw.layout.classes):
            expected = np.sum((store.split == index) & (raw.label == label))
            assert store.manifest.counts[split][name] == expected
    for source, path in zip(store.manifest.sources, raw.paths, strict=True):
        assert (source.file, source.bytes) == (path.name, path.stat().st_size)
        assert source.sha256 == sha256_of(path)
    assert not store.manifest.simulated


def test_official_test_files_are_the_test_split(packed_jets, jets):
    np.testing.assert_array_equal(packed_jets.split == 2, np.arange(38) >= 26)
    assert packed_jets.manifest.official_test_files == (jets.paths[1].name,)


@pytest.mark.parametrize("kind", ["crops", "jets"])
def test_the_number_of_workers_and_the_block_size_do_not_change_the_store(
    kind, request, tmp_path, monkeypatch
):
    raw = request.getfixturevalue(kind)
    reference = packed(raw, tmp_path / "one")
    monkeypatch.setattr("calobatch.pack.pack.PIXELS_PER_BLOCK", 7 * raw.layout.pixels)
    in_blocks = packed(raw, tmp_path / "blocks")
    packed(raw, tmp_path / "two", workers=2)
    events = [(tmp_path / name / "events.arrow").read_bytes() for name in ("one", "blocks", "two")]
    assert events[0] == events[1] == events[2]
    manifests = [(tmp_path / name / "manifest.json").read_bytes() for name in ("blocks", "two")]
    assert manifests[0] == manifests[1]
    for one, other in zip(reference.manifest.channels, in_blocks.manifest.channels, strict=True):
        assert one.mean == pytest.approx(other.mean, rel=1e-12)


def packed_jets_of(events, row_group_size, folder, **changes):
    """Pack jets in row groups of one size; return events.arrow and the bytes Arrow allocated."""
    path = write_parquet(folder / "a.parquet", QUARK_GLUON, events, row_group_size)
    settings = {"split": SPLIT, "zero_below": 0.0} | changes
    before = pa.default_memory_pool().total_bytes_allocated()
    pack("data", QUARK_GLUON, [path], folder / "store", **settings)
    allocated = pa.default_memory_pool().total_bytes_allocated() - before
    return (folder / "store" / "events.arrow").read_bytes(), allocated


def test_large_row_groups_give_the_same_store_and_are_decoded_once(tmp_path, monkeypatch):
    monkeypatch.setattr("calobatch.pack.pack.PIXELS_PER_BLOCK", 8 * QUARK_GLUON.pixels)
    events = random_events(QUARK_GLUON, [0, 1] * 60, seed=6)
    found = {}
    for size in (1, 50, 120):
        (tmp_path / str(size)).mkdir()
        found[size] = packed_jets_of(events, size, tmp_path / str(size))
    assert found[1][0] == found[50][0] == found[120][0]
    assert max(found[50][1], found[120][1]) < 2 * found[1][1]


@pytest.mark.parametrize("blocks_per_worker", [0, 4])
def test_the_store_does_not_depend_on_which_process_packs_a_large_row_group(
    blocks_per_worker, tmp_path, monkeypatch
):
    monkeypatch.setattr("calobatch.pack.pack.PIXELS_PER_BLOCK", 8 * QUARK_GLUON.pixels)
    monkeypatch.setattr("calobatch.pack.pack.BLOCKS_PER_WORKER", blocks_per_worker)
    events = random_events(QUARK_GLUON, [0, 1] * 30, seed=6)
    manifests = []
    for workers in (1, 2):
        folder = tmp_path / str(workers)
        folder.mkdir()
        packed_jets_of(events, 25, folder, workers=workers)
        manifests.append((folder / "store" / "manifest.json").read_bytes())
    assert manifests[0] == manifests[1]


def test_images_without_any_hit_can_be_packed(tmp_path):
    """But not if all of them are empty (test_bad_input.py)."""
    events = random_events(ELECTRON_PHOTON, [0, 1] * 10, seed=6)
    events.image_BCHW[:18] = 0
    path = write_hdf5(tmp_path / "empty.hdf5", ELECTRON_PHOTON, events)
    pack("data", ELECTRON_PHOTON, [path], tmp_path / "store", split=SPLIT, zero_below=0.0)
    np.testing.assert_array_equal(
        open_store(tmp_path / "store").dense(np.arange(20)), events.image_BCHW
    )


def test_a_channel_without_any_hit_is_told(tmp_path, capsys):
    events = random_events(ELECTRON_PHOTON, [0, 1] * 10, seed=6)
    events.image_BCHW[:, 1] = 0
    path = write_hdf5(tmp_path / "empty.hdf5", ELECTRON_PHOTON, events)
    pack("data", ELECTRON_PHOTON, [path], tmp_path / "store", split=SPLIT, zero_below=0.0)
    said = capsys.readouterr().err
    assert "pack data: all pixels of the training split are zero in time; check" in said
    channels = open_store(tmp_path / "store").manifest.channels
    assert [channel.fill > 0 for channel in channels] == [True, False]


def test_the_events_of_official_test_files_are_divided_if_the_split_says_so(jets, tmp_path):
    split = Split(by="event", validation=0.3, test=0.5)
    manifest = packed(jets, tmp_path, split=split).manifest
    assert manifest.official_test_files == ()
    events = len(jets.label)
    assert sum(manifest.counts["test"].values()) == pytest.approx(events / 2, abs=2)


def test_classes_may_be_unbalanced_if_that_is_meant(tmp_path):
    events = random_events(ELECTRON_PHOTON, [0, 0, 0, 0, 1] * 40, seed=6)
    path = write_hdf5(tmp_path / "more.hdf5", ELECTRON_PHOTON, events)
    settings = {"split": SPLIT, "zero_below": 0.0, "balanced": False}
    manifest = pack("data", ELECTRON_PHOTON, [path], tmp_path / "store", **settings)
    assert sum(manifest.counts["train"].values()) > 0


def test_a_store_with_the_default_split_has_the_same_manifest_as_before(packed_jets):
    """Otherwise older jobs would be repeated, because their settings would have changed."""
    assert set(Split().model_dump()) == {"validation", "test", "seed"}
    assert Split.model_validate({"validation": 0.3}).by == "file"
