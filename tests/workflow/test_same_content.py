"""Times alone do not make stores and runs outdated."""

import hashlib
import json
import os

import pytest

from calobatch.run.files import TRAINING_FILES
from calobatch.workflow.same_content import STORE_FILES, accept_same_content

OLD, NEW = 1_000_000_000, 1_700_000_000


@pytest.fixture
def made(tmp_path):
    """A raw file, a store that was packed from it, and a run that was trained on the store."""
    raw, store, run = (tmp_path / name for name in ("raw.hdf5", "store", "run"))
    raw.write_bytes(b"raw")
    for folder, names in ((store, STORE_FILES), (run, TRAINING_FILES)):
        folder.mkdir()
        for name in names:
            (folder / name).write_text(name)
    source = {"file": raw.name, "bytes": 3, "sha256": hashlib.sha256(b"raw").hexdigest()}
    manifest = {"sources": [source], "events_sha256": "e" * 64}
    (store / "manifest.json").write_text(json.dumps(manifest))
    (run / "run.json").write_text(json.dumps({"dataset_sha256": "e" * 64}))
    for path in (raw, *store.iterdir(), *run.iterdir()):
        os.utime(path, (OLD, OLD))
    return raw, store, run


def accepted(made):
    """Return which of the two folders got the present time."""
    raw, store, run = made
    accept_same_content({store: [raw]}, {run: store})
    return {
        folder.name
        for folder in (store, run)
        if all(path.stat().st_mtime > NEW for path in folder.iterdir())
    }


def test_files_in_the_right_order_are_left_alone(made):
    assert accepted(made) == set()


def test_newer_files_of_the_same_content_outdate_nothing(made, capsys):
    os.utime(made[0], (NEW, NEW))
    assert accepted(made) == {"store", "run"}
    assert capsys.readouterr().err.count("so it is not made again") == 2


def test_a_store_that_was_packed_from_another_file_is_outdated(made):
    made[0].write_bytes(b"new")
    assert accepted(made) == set()


def test_a_run_that_was_trained_on_another_store_is_outdated(made):
    manifest = made[1] / "manifest.json"
    manifest.write_text(manifest.read_text().replace("e" * 64, "f" * 64))
    assert accepted(made) == set()


@pytest.mark.parametrize("missing", ["manifest.json", "events.arrow"])
def test_a_store_without_all_of_its_files_is_left_to_snakemake(made, missing):
    os.utime(made[0], (NEW, NEW))
    (made[1] / missing).unlink()
    assert accepted(made) == set()


def test_an_outcome_of_a_trial_on_the_same_events_is_not_outdated(made):
    _, store, run = made
    outcome = run / "1.json"
    for sha256, accepted in (("0" * 64, False), ("e" * 64, True)):
        outcome.write_text(json.dumps({"dataset_sha256": sha256}))
        os.utime(outcome, (OLD - 1, OLD - 1))
        accept_same_content({}, {}, {outcome: store})
        assert (outcome.stat().st_mtime > NEW) == accepted
