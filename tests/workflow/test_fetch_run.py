"""fetch and pack as rules, on small files in the public layout that a user already has."""

import json
import shutil

import h5py
import numpy as np
import pytest

SCENARIO = """
title: Files of one's own
datasets:
  electron_photon: {{source: fetch, location: "{location}"}}
tasks:
  electron_photon_cnn:
"""
TABLE = """dataset,file,url,mirror,bytes,sha256,label
electron_photon,electrons.hdf5,https://127.0.0.1:9/electrons.hdf5,,,,1
electron_photon,photons.hdf5,https://127.0.0.1:9/photons.hdf5,,,,0
"""
MANIFEST = "data/own/packed/electron_photon/manifest.json"
CHOSEN = ("--profile", "cluster/local", "--config", "scenario=own")


def write_crops(path, label, seed=0):
    rng = np.random.default_rng([label, seed])
    image = rng.random((60, 32, 32, 2), dtype=np.float32)
    with h5py.File(path, "w") as file:
        file["X"] = np.where(image < 0.05, image, 0)
        file["y"] = np.full(60, label, dtype=np.float32)


@pytest.fixture
def own_files(fresh):
    folder = fresh.folder / "mine"
    folder.mkdir()
    write_crops(folder / "electrons.hdf5", 1)
    write_crops(folder / "photons.hdf5", 0)
    (fresh.folder / "config/datasets.csv").write_text(TABLE)
    (fresh.folder / "config/own.yaml").write_text(SCENARIO.format(location=folder))
    return fresh


def test_files_that_a_user_has_are_fetched_pinned_and_packed(own_files):
    own_files.snakemake(MANIFEST, *CHOSEN)
    manifest = json.loads((own_files.folder / MANIFEST).read_text())
    assert manifest["simulated"] is False
    for source in manifest["sources"]:
        pin = own_files.folder / "config/pins/electron_photon" / f"{source['file']}.json"
        assert json.loads(pin.read_text())["sha256"] == source["sha256"]


def test_a_file_that_changed_since_it_was_pinned_stops_the_workflow(own_files):
    own_files.snakemake(MANIFEST, *CHOSEN)
    fetched = own_files.folder / "data/public/electron_photon/photons.hdf5"
    fetched.unlink()
    (own_files.folder / MANIFEST).unlink()
    write_crops(own_files.folder / "mine/photons.hdf5", 3)
    answer = own_files.snakemake(MANIFEST, *CHOSEN, check=False)
    assert answer.returncode == 1
    assert "photons.hdf5" in answer.stdout + answer.stderr
    assert "sha256" in answer.stdout + answer.stderr
    assert not fetched.exists()


def test_a_rerun_of_fetch_does_not_download_again(own_files):
    """Snakemake deletes outputs before a rerun; gigabytes of downloads must survive it."""
    own_files.snakemake(MANIFEST, *CHOSEN)
    for name in ("electrons.hdf5", "photons.hdf5"):
        (own_files.folder / "mine" / name).unlink()
    own_files.snakemake(MANIFEST, "--forcerun", "fetch", *CHOSEN)
    assert (own_files.folder / "data/public/electron_photon/photons.hdf5").exists()


def test_the_wrong_class_is_found_before_anything_is_packed(own_files):
    write_crops(own_files.folder / "mine/photons.hdf5", 1, seed=1)
    answer = own_files.snakemake(MANIFEST, *CHOSEN, check=False)
    assert answer.returncode == 1
    assert "declares label 0 for the whole file" in answer.stdout + answer.stderr
    assert not (own_files.folder / MANIFEST).exists()


def test_a_fetched_file_altered_in_place_is_not_packed(own_files):
    """Snakemake does not run fetch again while the file exists: pack compares it with its pin."""
    own_files.snakemake(MANIFEST, *CHOSEN)
    packed = (own_files.folder / MANIFEST).read_bytes()
    write_crops(own_files.folder / "data/public/electron_photon/photons.hdf5", 0, seed=9)
    answer = own_files.snakemake(MANIFEST, *CHOSEN, check=False)
    assert answer.returncode == 1
    assert "sha256" in answer.stdout + answer.stderr
    manifest = own_files.folder / MANIFEST
    assert not manifest.exists() or manifest.read_bytes() == packed


def test_a_deleted_pin_does_not_pack_again(own_files):
    own_files.snakemake(MANIFEST, *CHOSEN)
    shutil.rmtree(own_files.folder / "config/pins")
    answer = own_files.snakemake(MANIFEST, "--dry-run", *CHOSEN)
    assert "Nothing to be done" in answer.stdout + answer.stderr
