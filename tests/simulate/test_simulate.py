import subprocess
import sys
from pathlib import Path

import h5py
import numpy as np
import pyarrow.parquet as pq
import pytest

import calobatch.simulate
from calobatch.config.dataset import Simulated, Split
from calobatch.config.generator import Generator
from calobatch.config.layout_file import read_layout
from calobatch.errors import UserError
from calobatch.pack.pack import pack
from calobatch.simulate.planned_files import planned_files
from calobatch.simulate.simulate import simulate
from calobatch.store import open_store
from tests.layouts import ELECTRON_PHOTON, QUARK_GLUON

CROPS = Simulated(source="simulate", events=45)
JETS = Simulated(source="simulate", events=11, test_share=0.4)
SPLIT = Split(validation=0.3, test=0.3)


def simulated(layout, settings, folder, **options):
    """Simulate all files of a dataset; return their paths."""
    paths = [folder / file.name for file in planned_files(layout, settings)]
    for path in paths:
        simulate(layout, settings, path, **options)
    return paths


def images(path):
    with h5py.File(path) as file:
        return file["X"][:]


@pytest.fixture(scope="module")
def small_blocks():
    """Make the blocks small, so that few events fill several blocks."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("calobatch.simulate.simulate.CROPS_PER_BLOCK", 8)
        patch.setattr("calobatch.simulate.simulate.JETS_PER_BLOCK", 4)
        yield


@pytest.fixture(scope="module")
def crops(small_blocks, tmp_path_factory):
    return simulated(ELECTRON_PHOTON, CROPS, tmp_path_factory.mktemp("crops"))


@pytest.fixture(scope="module")
def jets(small_blocks, tmp_path_factory):
    return simulated(QUARK_GLUON, JETS, tmp_path_factory.mktemp("jets"))


def test_crop_files_have_exactly_the_planned_events_and_labels(crops):
    for path, events, label in zip(crops, (22, 23), (1, 0), strict=True):
        with h5py.File(path) as file:
            assert file["X"].shape == (events, 32, 32, 2)
            assert file["y"][:].tolist() == [label] * events
            assert np.all(file["X"][..., 0].max(axis=(1, 2)) > 0)


def test_jet_files_have_exactly_the_planned_events_and_labels(jets):
    for path, quarks, gluons in zip(jets, (3, 2), (4, 2), strict=True):
        file = pq.ParquetFile(path)
        labels = file.read(columns=["y"])["y"].to_pylist()
        assert sorted(labels) == [0.0] * gluons + [1.0] * quarks
        assert file.num_row_groups == quarks + gluons


def test_no_event_appears_twice(crops):
    every = np.concatenate([images(path) for path in crops])
    assert len(np.unique(every.reshape(len(every), -1), axis=0)) == 45


def test_crops_do_not_depend_on_the_number_of_workers(crops, tmp_path):
    again = simulated(ELECTRON_PHOTON, CROPS, tmp_path, workers=2)
    for path, other in zip(crops, again, strict=True):
        np.testing.assert_array_equal(images(path), images(other))


def test_jets_do_not_depend_on_the_number_of_workers(jets, tmp_path):
    again = tmp_path / jets[1].name
    simulate(QUARK_GLUON, JETS, again, workers=2)
    assert pq.read_table(again).equals(pq.read_table(jets[1]))


def test_a_file_does_not_depend_on_which_other_files_are_simulated(crops, tmp_path):
    simulate(ELECTRON_PHOTON, CROPS, tmp_path / crops[1].name)
    np.testing.assert_array_equal(images(tmp_path / crops[1].name), images(crops[1]))


def test_a_different_seed_gives_different_events(crops, small_blocks, tmp_path):
    other = simulated(ELECTRON_PHOTON, CROPS.model_copy(update={"seed": 2}), tmp_path)
    assert not np.array_equal(images(crops[0]), images(other[0]))


@pytest.mark.parametrize("events", [1, 2, 3, 17])
def test_any_small_number_of_events_is_simulated(events, tmp_path):
    settings = Simulated(source="simulate", events=events)
    paths = simulated(ELECTRON_PHOTON, settings, tmp_path)
    assert sum(len(images(path)) for path in paths) == events
    assert sorted(tmp_path.iterdir()) == sorted(paths)


def test_packed_crops_equal_the_file_s_and_are_marked_as_simulated(crops, tmp_path):
    pack("data", ELECTRON_PHOTON, crops, tmp_path, split=SPLIT, zero_below=0.0)
    store = open_store(tmp_path)
    assert store.manifest.simulated
    every = np.concatenate([images(path) for path in crops])
    np.testing.assert_array_equal(store.dense(np.arange(45)), np.moveaxis(every, -1, 1))


def test_packed_jets_equal_the_file_s_and_are_marked_as_simulated(jets, tmp_path):
    pack("data", QUARK_GLUON, jets, tmp_path, split=Split(validation=0.3), zero_below=0.0)
    store = open_store(tmp_path)
    assert store.manifest.simulated
    assert store.manifest.official_test_files == (jets[1].name,)
    every = [image for path in jets for image in pq.read_table(path)["X_jets"].to_pylist()]
    np.testing.assert_array_equal(store.dense(np.arange(11)), np.array(every, np.float32))


def test_a_file_name_that_the_settings_do_not_lead_to_is_refused(tmp_path):
    path = tmp_path / "SinglePhotonPt50_IMGCROPS_n24_RHv1.hdf5"
    with pytest.raises(UserError, match=r"make a file Single.*_n24_.* they make .*_n22_.*_n23_"):
        simulate(ELECTRON_PHOTON, CROPS, path)
    assert not list(tmp_path.iterdir())


def test_a_simulation_that_fails_leaves_no_file(crops, tmp_path):
    with pytest.raises(UserError):
        simulate(ELECTRON_PHOTON, CROPS, tmp_path / crops[0].name, workers=0)
    assert not list(tmp_path.iterdir())


def test_a_layout_without_a_simulation_is_refused_and_not_simulated_as_jets(tmp_path):
    layout = QUARK_GLUON.model_copy(update={"name": "taus", "simulator": None})
    with pytest.raises(UserError, match="layout 'taus' cannot be simulated"):
        simulate(layout, JETS, tmp_path / "a.parquet")
    with pytest.raises(UserError, match="layout 'taus' cannot be simulated"):
        planned_files(layout, JETS)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(("simulation", "other"), [("crops", "jets"), ("jets", "crops")])
def test_neither_simulation_imports_the_other(simulation, other):
    folder = Path(calobatch.simulate.__file__).parent / simulation
    program = (
        "import importlib, sys;"
        f"[importlib.import_module(f'calobatch.simulate.{simulation}.{{name}}')"
        f" for name in {[path.stem for path in folder.glob('[a-z]*.py')]}];"
        f"print([name for name in sys.modules if name.startswith('calobatch.simulate.{other}')])"
    )
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert run.stdout.strip() == "[]", run.stderr


def test_a_layout_with_the_multiplicity_is_simulated_and_packed_with_it(small_blocks, tmp_path):
    layout = read_layout("quark_gluon_multiplicity")
    settings = JETS.model_copy(update={"generator": Generator(detector=False), "test_share": 0})
    (path,) = simulated(layout, settings, tmp_path)
    pack("data", layout, [path], tmp_path / "store", split=SPLIT, zero_below=0.0)
    scalars_BS = open_store(tmp_path / "store").scalars_BS
    written = pq.read_table(path)["multiplicity"].to_numpy()
    np.testing.assert_array_equal(scalars_BS[:, 2], written)
    assert np.all(written > 1)
