"""The files of a dataset, and the options of the verbs that make them."""

import json
import shlex

import pytest

from calobatch.config.models import Fetched, Simulated
from calobatch.layouts import ELECTRON_PHOTON, QUARK_GLUON
from calobatch.pack.settings import Packing
from calobatch.simulate.planned_files import planned_files
from calobatch.workflow import datasets
from tests.workflow.setups import CROPS, setup


@pytest.mark.parametrize("events", [1, 999, 1000])
def test_simulated_files_have_the_names_that_simulate_plans(events):
    crops = Simulated(source="simulate", events=events)
    planned = [file.name for file in planned_files(ELECTRON_PHOTON, crops)]
    expected = [f"data/small/raw/electron_photon/{name}" for name in planned]
    assert datasets.raw_files(setup(crops=crops), "electron_photon") == expected


def test_public_files_are_those_of_the_table_in_its_order_and_shared_by_all_scenarios():
    assert datasets.raw_files(setup(), "quark_gluon") == [
        "data/public/quark_gluon/one.train.parquet",
        "data/public/quark_gluon/two.test.parquet",
    ]


def test_the_key_files_chooses_among_the_files_of_the_table():
    jets = Fetched(source="fetch", files=("two.test.parquet",))
    assert datasets.raw_files(setup(jets=jets), "quark_gluon") == [
        "data/public/quark_gluon/two.test.parquet"
    ]


def test_the_layout_is_the_one_of_the_dataset_s_name_unless_the_scenario_names_one():
    jets = Fetched(source="fetch", layout="electron_photon")
    assert datasets.layout_of(setup().scenario, "quark_gluon") == QUARK_GLUON
    assert datasets.layout_of(setup(jets=jets).scenario, "quark_gluon") == ELECTRON_PHOTON


@pytest.mark.parametrize("location", ["/data/my files", "https://host/a?b=c&d=e", "it's; rm -rf x"])
def test_a_location_reaches_fetch_as_one_word_of_the_shell(location):
    jets = Fetched(source="fetch", location=location)
    option = datasets.location_option(setup(jets=jets).scenario, "quark_gluon")
    assert shlex.split(option) == ["--location", location]


def test_without_a_location_fetch_gets_no_option():
    assert datasets.location_option(setup().scenario, "quark_gluon") == ""
    assert datasets.location_option(setup().scenario, "electron_photon") == ""


def test_only_public_files_are_compared_with_pins():
    assert datasets.pins_option(setup().scenario, "quark_gluon") == "--pins config/pins"
    assert datasets.pins_option(setup().scenario, "electron_photon") == ""


@pytest.mark.parametrize("change", [{"split": {"seed": 9}}, {"zero_below": 0.5}])
def test_the_settings_of_simulate_do_not_change_with_those_of_pack(change):
    changed = setup(crops=Simulated(**CROPS.model_dump() | change))
    same, other = (datasets.simulate_settings(s.scenario, "electron_photon") for s in
                   (setup(), changed))  # fmt: skip
    assert same == other
    packed, repacked = (datasets.pack_settings(s, "electron_photon") for s in (setup(), changed))
    assert packed != repacked


def test_the_settings_of_simulate_are_those_of_the_dataset():
    settings = json.loads(datasets.simulate_settings(setup().scenario, "electron_photon"))
    assert Simulated(**settings) == CROPS


def test_the_settings_of_pack_have_the_labels_that_the_table_declares():
    packing = Packing(**json.loads(datasets.pack_settings(setup(), "electron_photon")))
    assert packing.layout == "electron_photon"
    assert packing.declared_labels == {"photons.hdf5": 0}
