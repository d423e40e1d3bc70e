"""Raw files of seeded random events, stores packed from them, and a run of the whole DAG."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path
from unittest import mock

import hypothesis
import pytest

from calobatch.config.dataset import Split
from calobatch.pack.pack import pack
from calobatch.store import Store, open_store
from tests.checkout import Workflow
from tests.layouts import ELECTRON_PHOTON, QUARK_GLUON
from tests.raw_files import RawFiles, joined, random_events, write_hdf5, write_parquet

# An example may take long on a busy machine, which is no fault of the code.
hypothesis.settings.register_profile("tests", deadline=None)
hypothesis.settings.load_profile("tests")
# A shell that starts the tests in the background has them ignore an interrupt, and what they start.
signal.signal(signal.SIGINT, signal.default_int_handler)
CURRENT_FOLDER = Path.cwd()


@pytest.fixture(autouse=True)
def no_trace_in_the_process() -> Iterator[None]:
    """Restore the environment after each test; fail the test if it leaves another current folder.

    Without this, the tests that follow in the same process would pass or fail by their order. The
    environment is restored silently, because the code that is tested sets variables for libraries.
    """
    with mock.patch.dict(os.environ):
        yield
    assert Path.cwd() == CURRENT_FOLDER, "a test or one of its fixtures left the current folder"


@pytest.fixture(scope="session")
def crops(tmp_path_factory) -> RawFiles:
    """One HDF5 file of 70 electrons and one of 60 photons."""
    folder = tmp_path_factory.mktemp("crops")
    names = ("SingleElectronPt50_n70.hdf5", "SinglePhotonPt50_n60.hdf5")
    parts = [
        random_events(ELECTRON_PHOTON, [1] * 70, seed=1),
        random_events(ELECTRON_PHOTON, [0] * 60, seed=2),
    ]
    paths = [
        write_hdf5(folder / name, ELECTRON_PHOTON, events, chunks=(30, 32, 32, 2))
        for name, events in zip(names, parts, strict=True)
    ]
    return joined(ELECTRON_PHOTON, paths, parts)


@pytest.fixture(scope="session")
def jets(tmp_path_factory) -> RawFiles:
    """A training and a test file of jets, in parquet, with one row group per jet."""
    folder = tmp_path_factory.mktemp("jets")
    names = ("jet0_run0_n26.train.snappy.parquet", "jet0_run0_n12.test.snappy.parquet")
    parts = [
        random_events(QUARK_GLUON, [0, 1] * 13, seed=3),
        random_events(QUARK_GLUON, [1, 0, 0, 1] * 3, seed=4),
    ]
    paths = [
        write_parquet(folder / name, QUARK_GLUON, events)
        for name, events in zip(names, parts, strict=True)
    ]
    return joined(QUARK_GLUON, paths, parts)


@pytest.fixture(scope="session")
def jets_hdf5(tmp_path_factory) -> RawFiles:
    """Jets as one HDF5 file, channel last, with pt and m0."""
    events = random_events(QUARK_GLUON, [0, 1] * 12, seed=5)
    path = tmp_path_factory.mktemp("jets_hdf5") / "quark-gluon_data-set_n24.hdf5"
    write_hdf5(path, QUARK_GLUON, events, chunks=(5, 125, 125, 3))
    return joined(QUARK_GLUON, [path], [events])


@pytest.fixture(scope="session")
def packed_crops(crops, tmp_path_factory) -> Store:
    """The crops, packed as they are."""
    folder = tmp_path_factory.mktemp("packed") / "electron_photon"
    pack("electron_photon", crops.layout, crops.paths, folder, split=Split(), zero_below=0.0)
    return open_store(folder)


@pytest.fixture(scope="session")
def packed_jets(jets, tmp_path_factory) -> Store:
    """The jets, packed as they are: no pixel is made zero."""
    folder = tmp_path_factory.mktemp("packed") / "quark_gluon"
    pack("quark_gluon", jets.layout, jets.paths, folder, split=Split(), zero_below=0.0)
    return open_store(folder)


@pytest.fixture
def fresh(tmp_path) -> Workflow:
    """A fresh clone: nothing has run in it."""
    return Workflow(tmp_path)


@pytest.fixture(scope="session")
def finished(tmp_path_factory) -> Workflow:
    """A clone in which the scenario "test" has run, with 2 Horovod ranks for each task."""
    workflow = Workflow(tmp_path_factory.mktemp("finished"))
    workflow.snakemake("--profile", "cluster/local", "--config", "scenario=test")
    return workflow
