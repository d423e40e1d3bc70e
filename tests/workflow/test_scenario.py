"""What is refused before a run starts, and that every command refuses the same."""

import re
import subprocess
import sys

import pytest
import yaml

from calobatch.config.dataset import Fetched
from calobatch.errors import UserError
from calobatch.workflow.scenario import check_public_files, read_setup, setup_of
from tests.checkout import CHECKOUT
from tests.workflow.setups import setup

SITE = {"cpus_per_node": 4}


@pytest.fixture
def in_the_checkout(monkeypatch):
    """Scenarios, the table and the site file are found from the checkout's own folder."""
    monkeypatch.chdir(CHECKOUT)


@pytest.mark.parametrize("key", ["scenaro", "epochs"])
def test_an_unknown_key_of_config_is_refused_by_its_name(in_the_checkout, key):
    with pytest.raises(UserError, match=f"^--config has no key {key}; choose a scenario with sce"):
        setup_of({"scenario": "test", key: "cms"})


def test_config_chooses_the_scenario_and_its_changes(in_the_checkout):
    chosen = setup_of({"scenario": "test", "set": "seeds=[4,5]"})
    assert (chosen.scenario.name, chosen.scenario.seeds) == ("test", (4, 5))
    assert setup_of({}).scenario.name == "quickstart"


def test_a_second_config_which_snakemake_would_drop_is_refused(in_the_checkout):
    arguments = ["snakemake", "-n", "--config", "scenario=test", "--config", "set=seeds=[2]"]
    with pytest.raises(UserError, match=r"--config is given more than once.*after one --config"):
        setup_of({"set": "seeds=[2]"}, arguments)


def test_a_scenario_with_the_name_of_a_number_is_looked_for(in_the_checkout):
    with pytest.raises(UserError, match="unknown scenario '2024'"):
        setup_of({"scenario": 2024})


@pytest.mark.parametrize("value", [{"tasks.x.schedule={kind": "cosine}"}, ["a"]])
def test_changes_that_yaml_makes_a_section_are_refused_with_what_works(in_the_checkout, value):
    with pytest.raises(UserError, match=r"set=tasks.NAME.schedule.kind=cosine"):
        setup_of({"set": value})
    works = setup_of({"set": "tasks.electron_photon_cnn.schedule.kind=cosine"})
    assert works.scenario.tasks["electron_photon_cnn"].schedule.kind == "cosine"


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ("scalar=ptt", "layout quark_gluon has no scalar 'ptt'; did you mean 'pt'?"),
        ("scalar=pt bins=0", "bins: Input should be greater than 0"),
        (
            "scalar=pt edges=[3,2]",
            "edges must be two or more numbers, in ascending order",
        ),
        ("scalar=pt bins=3 edges=[1,2]", "edges gives the bins; remove bins"),
    ],
)
def test_a_spectrum_that_cannot_be_made_equal_is_refused(in_the_checkout, keys, message):
    changes = " ".join(f"datasets.quark_gluon.reweight.{key}" for key in keys.split())
    with pytest.raises(UserError) as refused:
        setup_of({"scenario": "test", "set": changes})
    assert "datasets.quark_gluon.reweight" in str(refused.value)
    assert message in str(refused.value)


def test_a_generator_of_jets_is_refused_for_crops_before_anything_runs(in_the_checkout):
    change = "datasets.electron_photon.generator.radius=0.4"
    with pytest.raises(UserError, match="layout electron_photon: generator is for jets only"):
        setup_of({"scenario": "test", "set": change})


def test_every_run_begins_with_what_it_will_do(fresh):
    answer = fresh.snakemake("-n", "--config", "scenario=test", "set=seeds=[1,2,3]")
    said = answer.stderr + answer.stdout
    assert "scenario test: Tiny run of the whole DAG for the tests\n12 trainings: " in said
    assert said.index("12 trainings") < said.index("rule ")


def test_a_copy_of_the_checkout_uses_its_own_code(fresh, monkeypatch):
    """Its environment, here that of the tests, was made for the original."""
    monkeypatch.delenv("PYTHONPATH", raising=False)
    summary = fresh.folder / "src/calobatch/workflow/summary.py"
    summary.write_text(summary.read_text().replace('f"scenario {', 'f"in the copy, scenario {'))
    rule = fresh.folder / "workflow/rules/simulate.smk"
    rule.write_text(rule.read_text().replace("calobatch simulate", "python print_code.py;#"))
    (fresh.folder / "print_code.py").write_text("import calobatch; print(calobatch.__file__)")
    answer = fresh.snakemake(
        "--cores", "1", "--config", "scenario=test", "--until", "simulate", check=False
    )
    assert "in the copy, scenario test: " in answer.stderr
    assert f"{fresh.folder}/src/calobatch/__init__.py" in answer.stderr + answer.stdout


def test_a_setup_has_a_shape_for_every_task(in_the_checkout):
    read = read_setup("test")
    assert set(read.shapes) == set(read.scenario.tasks)
    assert all(
        shape.ranks == read.scenario.tasks[name].ranks for name, shape in read.shapes.items()
    )


def test_without_a_site_file_the_shapes_are_those_of_the_example(fresh, monkeypatch):
    monkeypatch.chdir(fresh.folder)
    example = yaml.safe_load((fresh.folder / "cluster/slurm/site.example.yaml").read_text())
    assert read_setup("test").site.cpus_per_node == example["cpus_per_node"]
    (fresh.folder / "cluster/slurm/site.yaml").write_text("cpus_per_node: 7\n")
    assert read_setup("test").site.cpus_per_node == 7


@pytest.mark.parametrize(
    ("jets", "table", "message"),
    [
        (
            Fetched(source="fetch"),
            ("muons",),
            "datasets.quark_gluon: config/datasets.csv lists no file for quark_gluon; correct the "
            "name of the dataset or its files, or add them to the table",
        ),
        (
            Fetched(source="fetch", files=("one.train.parquet", "three.parquet")),
            ("quark_gluon", "muons"),
            "datasets.quark_gluon: config/datasets.csv lists one.train.parquet, two.test.parquet "
            "for quark_gluon; correct the name of the dataset or its files, or add them to the "
            "table",
        ),
    ],
)
def test_a_dataset_or_a_file_that_is_not_in_the_table_is_refused(jets, table, message):
    small = setup(jets=jets)
    files = tuple(file for file in small.public_files if file.dataset in table)
    with pytest.raises(UserError) as raised:
        check_public_files(small.scenario, files)
    assert str(raised.value) == message


def test_a_simulated_dataset_need_not_be_in_the_table():
    small = setup()
    check_public_files(small.scenario, small.public_files)


def calobatch(folder, *arguments):
    return subprocess.run(
        [sys.executable, "-m", "calobatch.cli", *arguments],
        cwd=folder, capture_output=True, text=True,
    )  # fmt: skip


def doctor_s_words(answer):
    """Return the doctor's message, or its first finding that failed with the fix below it."""
    if answer.stderr:
        return answer.stderr.strip().removeprefix("calobatch doctor: ")
    failed = re.search(r"^FAILED +(?:site file|largest training)  +(.*)\n +-> (.*)$", answer.stdout,
                       re.M)  # fmt: skip
    return "; ".join(failed.groups())


WRONG = {
    "a key that does not exist": ({"tasks": {"electron_photon_cnn": {"epoch": 5}}}, SITE),
    "a dataset that is not in the table": (
        {"datasets": {"electron_photon": {"source": "fetch", "files": ["mine.hdf5"]}}},
        SITE,
    ),
    "a rank that fits no node": ({"all_tasks": {"threads": 8, "device": "cpu"}}, SITE),
    "a site file with a wrong key": ({}, SITE | {"gpus_per_nodes": 4}),
    "a site file with a wrong value": ({}, {"cpus_per_node": "many"}),
}


@pytest.mark.parametrize("wrong", WRONG)
def test_check_doctor_and_snakemake_refuse_the_same_with_the_same_words(fresh, wrong):
    changes, site = WRONG[wrong]
    scenario = {
        "title": "A scenario with a mistake",
        "datasets": {"electron_photon": {"source": "simulate", "events": 100}},
        "tasks": {"electron_photon_cnn": None},
    }
    (fresh.folder / "config/own.yaml").write_text(yaml.safe_dump(scenario | changes))
    (fresh.folder / "cluster/slurm/site.yaml").write_text(yaml.safe_dump(site))
    check = calobatch(fresh.folder, "check", "own")
    doctor = calobatch(fresh.folder, "doctor", "--scenario", "own")
    snakemake = fresh.snakemake("-n", "--config", "scenario=own", check=False)
    assert check.returncode == doctor.returncode == snakemake.returncode == 2
    words = check.stderr.strip().removeprefix("calobatch check: ")
    assert words
    # The line before is Snakemake's own, about the folder profiles.
    assert snakemake.stderr.strip().splitlines()[-1].removeprefix("calobatch: ") == words
    # A message about a key says no fix; the doctor, which prints one below each finding, adds it.
    fix = "" if "; " in words else "; correct cluster/slurm/site.yaml"
    assert doctor_s_words(doctor) == words + fix
