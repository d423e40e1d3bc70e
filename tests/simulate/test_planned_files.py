import pytest
from hypothesis import given
from hypothesis import strategies as st

from calobatch.config.dataset import Simulated
from calobatch.errors import UserError
from calobatch.layouts import Scalar
from calobatch.simulate.planned_files import planned_files
from tests.layouts import ELECTRON_PHOTON, QUARK_GLUON


def plan(layout, events, **changes):
    return planned_files(layout, Simulated(source="simulate", events=events, **changes))


def names(files):
    return [file.name for file in files]


def test_the_full_dataset_has_the_names_of_the_public_crops():
    assert names(plan(ELECTRON_PHOTON, 498_000)) == [
        "SingleElectronPt50_IMGCROPS_n249k_RHv1.hdf5",
        "SinglePhotonPt50_IMGCROPS_n249k_RHv1.hdf5",
    ]


def test_jet_files_are_named_like_the_public_ones():
    assert names(plan(QUARK_GLUON, 45_340, test_share=0.8)) == [
        "QCDToGGQQ_IMGjet_RH1all_jet0_run0_n9068.train.snappy.parquet",
        "QCDToGGQQ_IMGjet_RH1all_jet0_run0_n36272.test.snappy.parquet",
    ]


@pytest.mark.parametrize("layout", [ELECTRON_PHOTON, QUARK_GLUON])
@given(events=st.integers(1, 100_000), test_share=st.floats(0, 0.99))
def test_all_events_are_planned_half_of_each_class_and_no_file_is_empty(layout, events, test_share):
    files = plan(layout, events, test_share=test_share)
    class_0, class_1 = sum(f.class_0 for f in files), sum(f.class_1 for f in files)
    assert class_0 + class_1 == events
    assert 0 <= class_0 - class_1 <= len(files)
    assert all(file.class_0 + file.class_1 for file in files)
    assert len(set(names(files))) == len(files)


@given(events=st.integers(2, 100_000))
def test_every_crop_file_has_one_class(events):
    electrons, photons = plan(ELECTRON_PHOTON, events)
    assert electrons.class_0 == photons.class_1 == 0
    assert "Electron" in electrons.name


@given(events=st.integers(10, 100_000), test_share=st.floats(0.1, 0.9))
def test_the_test_file_of_jets_has_the_requested_share(events, test_share):
    train, test = plan(QUARK_GLUON, events, test_share=test_share)
    assert QUARK_GLUON.official_test_mark in test.name
    assert QUARK_GLUON.official_test_mark not in train.name
    assert abs(test.class_0 + test.class_1 - test_share * events) <= 0.5


def test_without_a_test_share_there_is_no_test_file():
    (train,) = plan(QUARK_GLUON, 100, test_share=0)
    assert train.class_0 == train.class_1 == 50


def test_a_scalar_that_is_not_simulated_is_refused():
    layout = QUARK_GLUON.model_copy(update={"scalars": (Scalar(name="tau21"),)})
    with pytest.raises(UserError, match="simulation of jets has no scalar 'tau21', only pt, m0, m"):
        plan(layout, 10)


def test_crops_have_no_generator_of_jets():
    with pytest.raises(UserError, match="generator is for jets only; remove it"):
        plan(ELECTRON_PHOTON, 10, generator={"radius": 0.4})
