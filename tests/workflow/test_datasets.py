"""The files of a dataset, and the options of the verbs that make them."""

import json
import shlex

import pytest

from calobatch.checkout import CHECKOUT
from calobatch.config.dataset import Fetched, Files, Simulated
from calobatch.config.load import load_scenario
from calobatch.errors import UserError
from calobatch.pack.settings import Packing, packing
from calobatch.simulate.planned_files import planned_files
from calobatch.workflow import datasets
from tests.layouts import ELECTRON_PHOTON, QUARK_GLUON
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


@pytest.mark.parametrize(
    "change",
    [{"split": {"seed": 9}}, {"zero_below": 0.5}, {"reweight": {"scalar": "pt"}}],
)
def test_the_settings_of_simulate_do_not_change_with_those_of_pack(change):
    changed = setup(crops=Simulated(**CROPS.model_dump() | change))
    same, other = (datasets.simulate_settings(s.scenario, "electron_photon") for s in
                   (setup(), changed))  # fmt: skip
    assert same == other
    packed, repacked = (datasets.pack_settings(s, "electron_photon") for s in (setup(), changed))
    assert packed != repacked


def test_the_settings_of_pack_have_the_labels_that_the_table_declares():
    settings = Packing(**json.loads(datasets.pack_settings(setup(), "electron_photon")))
    assert settings.layout == ELECTRON_PHOTON
    assert settings.declared_labels == {"photons.hdf5": 0}


@pytest.fixture
def own(tmp_path):
    """A folder with the files of two classes."""
    for name in ("photons_2.npz", "photons_1.npz", "electrons.npz", "notes.txt"):
        (tmp_path / name).touch()
    return tmp_path


def test_own_files_are_those_that_the_paths_match_in_order(own):
    files = Files(source="files", files=f"{own}/*.npz")
    assert datasets.raw_files(setup(crops=files), "electron_photon") == [
        f"{own}/electrons.npz", f"{own}/photons_1.npz", f"{own}/photons_2.npz",
    ]  # fmt: skip
    assert packing("electron_photon", files, ()).file_labels == {}


def test_own_files_of_one_class_each_have_its_label(own):
    files = Files(
        source="files",
        files={"photon": f"{own}/photons_*.npz", "electron": [f"{own}/electrons.npz"]},
    )
    assert packing("electron_photon", files, ()).file_labels == {
        "electrons.npz": 1, "photons_1.npz": 0, "photons_2.npz": 0,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ("{own}/muons_*.npz", "there is no file .*muons_[*].npz; correct the path"),
        ({"foton": "{own}/photons_*"}, "has no class 'foton'; did you mean 'photon'[?]"),
        ({"photon": "{own}/*.npz", "electron": "{own}/electrons.npz"}, "photon and electron"),
    ],
)
def test_own_files_that_cannot_be_meant_are_refused(own, files, message):
    fill = json.loads(json.dumps(files).replace("{own}", str(own)))
    with pytest.raises(UserError, match=f"datasets.electron_photon.files: .*{message}"):
        packing("electron_photon", Files(source="files", files=fill), ())


def test_the_settings_of_pack_name_a_layout_of_version_0_2_as_it_did():
    """With another text, Snakemake would pack and train again."""
    crops = datasets.pack_settings(setup(), "electron_photon")
    assert crops == (
        '{"layout":"electron_photon","split":{"validation":0.1,"test":0.2,"seed":4},'
        '"zero_below":0.0,"declared_labels":{"photons.hdf5":0}}'
    )


def test_the_settings_of_pack_have_the_whole_of_any_other_layout():
    mine = ELECTRON_PHOTON.model_copy(update={"image": "pixels"})
    settings = Packing(layout=mine, split={}, zero_below=0.0)
    assert json.loads(settings.model_dump_json())["layout"]["image"] == "pixels"
    assert Packing.model_validate_json(settings.model_dump_json()) == settings


def test_on_a_cluster_own_files_must_be_where_images_see_them(own, tmp_path_factory):
    project = tmp_path_factory.mktemp("project")
    (project / "data").mkdir()
    here = setup(crops=Files(source="files", files=f"{own}/*.npz"))
    with pytest.raises(UserError, match=rf"images, which do not see {own}; make a link to it in"):
        datasets.require_visible_files(here, project)
    site = here.site.model_copy(update={"binds": (str(own),)})
    datasets.require_visible_files(here._replace(site=site), project)
    (project / "data" / "mine").symlink_to(own)
    linked = setup(crops=Files(source="files", files=f"{project}/data/mine/*.npz"))
    datasets.require_visible_files(linked, project)


def test_the_settings_of_simulate_are_as_before_there_was_a_generator():
    """With another text, Snakemake would simulate, pack and train again."""
    scenario = load_scenario("quickstart", folder=CHECKOUT / "config")
    assert datasets.simulate_settings(scenario, "quark_gluon") == (
        '{"layout":"","source":"simulate","events":3000,"test_share":0.2,"pile_up":20,"seed":1}'
    )
