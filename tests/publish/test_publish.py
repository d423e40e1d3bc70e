"""The published folder: complete, checked, and readable by others' programs."""

import csv
import json
import re
import shutil
import subprocess
import sys
from datetime import date
from pathlib import Path

import pytest
import rocrate
import yaml

from calobatch.checksum import sha256_of
from calobatch.cli import main
from calobatch.errors import UserError
from calobatch.publish.citation import Author, read_author
from calobatch.publish.publish import publish
from tests.checkout import CHECKOUT
from tests.searched import with_search

ADA = Author("Ada Lovelace", "0000-0002-1825-0097", "University of London")
TODAY = date(2026, 11, 27)
REQUIREMENTS = Path(__file__).with_name("validator.txt")


def write(results, output, scenario=None):
    publish(
        scenario or results.scenario,
        results.results,
        results.leaderboard,
        output,
        authors=[ADA, Author("Grace Hopper")],
        licence="CC-BY-4.0",
        today=TODAY,
    )


@pytest.fixture(scope="module")
def published(results, tmp_path_factory):
    folder = tmp_path_factory.mktemp("publish") / "zenodo"
    write(results, folder)
    return folder


@pytest.fixture(scope="session")
def validator():
    """The folder in which the validator of RO-Crates is installed."""
    folder = (CHECKOUT / ".cache").resolve() / f"validator-{sha256_of(REQUIREMENTS)[:16]}"
    if not folder.exists():
        partial = folder.with_suffix(".partial")
        shutil.rmtree(partial, ignore_errors=True)
        options = ["--quiet", "--no-deps", "--target", str(partial), "--requirement"]
        command = [sys.executable, "-m", "pip", "install", *options, str(REQUIREMENTS)]
        subprocess.run(command, check=True)
        partial.rename(folder)
    return folder


def test_every_file_has_its_checksum(published):
    check = ["sha256sum", "--check", "--quiet", "--strict", "SHA256SUMS"]
    subprocess.run(check, cwd=published, check=True)
    listed = {
        line.split("  ", 1)[1] for line in (published / "SHA256SUMS").read_text().splitlines()
    }
    found = {str(f.relative_to(published)) for f in published.rglob("*") if f.is_file()}
    assert found - listed == {"SHA256SUMS", "ro-crate-metadata.json"}


def test_it_has_all_that_is_needed_to_check_and_to_use_the_results(published, results):
    with (published / "leaderboard.csv").open() as file:
        assert len(list(csv.DictReader(file))) == 3 * len(results.scenario.seeds)
    for seed in results.scenario.seeds:
        run = published / f"runs/crops/seed{seed}"
        for name in (
            "run.json",
            "metrics.json",
            "predictions.parquet",
            "model.safetensors",
            "plots/roc.png",
            "export/model.onnx",
            "export/card.md",
            "interpretation/confident.png",
            "interpretation/interpretation.json",
        ):
            assert (run / name).stat().st_size > 0
    assert json.loads((published / "scenario.json").read_text())["title"] == "For the tests"
    assert "torch==" in (published / "environment/constraints.txt").read_text()
    assert "class Model" in (published / "models/two_branch_cnn.py").read_text()


def test_the_readme_has_the_results_and_says_what_is_missing_and_how_to_make_it_again(published):
    text = (published / "README.md").read_text()
    assert re.search(r"^crops +2 +test +[01]\.", text, re.MULTILINE)
    assert "## What is not here" in text
    assert "`make run SCENARIO=tests`" in text


def test_the_citation_names_the_authors(published):
    content = yaml.safe_load((published / "CITATION.cff").read_text())
    assert content["authors"] == [
        {
            "name": "Ada Lovelace",
            "orcid": "https://orcid.org/0000-0002-1825-0097",
            "affiliation": "University of London",
        },
        {"name": "Grace Hopper"},
    ]
    assert content["license"] == "CC-BY-4.0"
    assert content["date-released"] == TODAY


def test_the_metadata_are_a_valid_ro_crate(published, validator):
    context = Path(rocrate.__file__).parent / "data" / "ro-crate.jsonld"
    options = ["--no-paging", "--verbose", "--profile-identifier", "ro-crate-1.1"]
    program = str(Path(__file__).with_name("validate_offline.py"))
    answer = subprocess.run(
        [sys.executable, program, str(context), "validate", *options, str(published)],
        env={"PYTHONPATH": str(validator), "PATH": "", "HOME": str(published.parent)},
        capture_output=True,
        text=True,
    )
    assert answer.returncode == 0, answer.stdout + answer.stderr


def test_the_metadata_say_how_good_each_training_is_and_how_it_was_made(published):
    graph = json.loads((published / "ro-crate-metadata.json").read_text())["@graph"]
    entities = {entity["@id"]: entity for entity in graph}
    assert "; test AUC " in entities["runs/crops/seed1/"]["description"]
    made = entities["#training-crops-seed1"]
    assert made["result"] == {"@id": "runs/crops/seed1/"}
    assert made["startTime"] <= made["endTime"]


def test_nothing_is_written_over_an_existing_folder(published, results):
    before = sorted(published.rglob("*"))
    with pytest.raises(UserError, match="exists already"):
        write(results, published)
    assert sorted(published.rglob("*")) == before


@pytest.mark.parametrize(
    "name",
    ["predictions.parquet", "metrics.json", "export/model.onnx", "interpretation/images.npz"],
)
def test_a_changed_file_is_refused_and_nothing_is_left(results, tmp_path, name):
    copy = shutil.copytree(results.results, tmp_path / "results")
    content = bytearray((copy / "crops/seed1" / name).read_bytes())
    content[len(content) // 2] ^= 1
    (copy / "crops/seed1" / name).write_bytes(content)
    with pytest.raises(UserError, match=name):
        write(results._replace(results=copy), tmp_path / "out")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["results"]


def test_a_scenario_that_has_not_finished_is_refused(results, tmp_path):
    more = results.scenario.model_copy(update={"seeds": (1, 2, 3)})
    with pytest.raises(UserError, match=r"seed3"):
        write(results, tmp_path / "out", more)
    assert not list(tmp_path.iterdir())


def test_a_training_of_the_leaderboard_that_the_scenario_lacks_is_named(results, tmp_path):
    fewer = results.scenario.model_copy(update={"seeds": (1,)})
    with pytest.raises(UserError, match=r"has crops seed 2, which the scenario .* --set"):
        write(results, tmp_path / "out", fewer)
    assert not list(tmp_path.iterdir())


def test_an_ensemble_of_the_leaderboard_that_the_scenario_lacks_is_named(results, tmp_path):
    board = tmp_path / "leaderboard.csv"
    head, *lines = results.leaderboard.read_text().splitlines()
    of_seed = lines[0].replace("crops,", "both,", 1).replace(",1,train,", ",all,train,", 1)
    board.write_text("\n".join([head, *lines, of_seed]) + "\n")
    with pytest.raises(UserError, match=r"has both, which the scenario .* --set"):
        write(results._replace(leaderboard=board), tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_search_that_has_not_ended_is_refused(results, tmp_path):
    searched = with_search(results.scenario)
    with pytest.raises(UserError, match=r"has no search of crops with the present settings"):
        write(results, tmp_path / "out", searched)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("text", ["", "; 0000-0002-1825-0097", "Ada; 12", "Ada; ; London; more"])
def test_an_author_in_another_form_is_told_the_form(text):
    with pytest.raises(UserError, match="Ada Lovelace; 0000-0002-1825-0097"):
        read_author(text)


def test_an_author_may_be_given_with_the_address_of_the_orcid_id():
    assert read_author("Ada; https://orcid.org/0000-0002-1825-0097").orcid == ADA.orcid


def test_the_verb_says_to_run_the_scenario_first(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    shutil.copytree(CHECKOUT / "config", "config")
    with pytest.raises(SystemExit):
        main(["publish", "test", "--author", "Ada", "--output", "out"])
    assert "run the scenario first" in capsys.readouterr().err
