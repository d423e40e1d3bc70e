"""Editors find the schema of each configuration file, and it says what calobatch says."""

import json
import re
import subprocess
import sys

import pytest
import yaml
from jsonschema import Draft202012Validator

from calobatch.config.json_schemas import SCHEMAS
from calobatch.config.plain_yaml import read_yaml
from tests.checkout import CHECKOUT

CONFIG = CHECKOUT / "config"
FILES = sorted([*CONFIG.glob("*.yaml"), *CONFIG.glob("layouts/*.yaml")])


def schema_of(path):
    """Return the schema that the first line of a file names, as an editor does."""
    line = path.read_text().splitlines()[0]
    named = re.fullmatch(r"# yaml-language-server: \$schema=(.*)", line)
    assert named, line
    return json.loads((path.parent / named[1]).read_text())


@pytest.mark.parametrize("name", SCHEMAS)
def test_the_schema_in_the_repository_is_up_to_date(name):
    """`make schema` writes it again."""
    command = [sys.executable, "-m", "calobatch.cli", "schema", name]
    answer = subprocess.run(command, capture_output=True, text=True, check=True)
    path = CHECKOUT / f"workflow/schemas/{name}.schema.json"
    assert json.loads(path.read_text()) == json.loads(answer.stdout)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_every_file_of_the_configuration_is_valid(path):
    schema = schema_of(path)
    Draft202012Validator.check_schema(schema)
    Draft202012Validator(schema).validate(read_yaml(path))


@pytest.mark.parametrize(
    ("file", "change", "message"),
    [
        ("quickstart", {"sedes": [1]}, "'sedes' was unexpected"),
        ("quickstart", {"tasks": {"electron_photon_cnn": {"epoch": 5}}}, "is not valid under any"),
        ("quickstart", {"all_tasks": {"epochs": 0}}, "0 is less than or equal to the minimum"),
        ("layouts/quark_gluon", {"classes": ["quark"]}, "is too short"),
        ("layouts/quark_gluon", {"rows": {"numbr": 3}}, "'numbr' was unexpected"),
    ],
)
def test_a_mistake_is_marked(file, change, message):
    path = CONFIG / f"{file}.yaml"
    validator = Draft202012Validator(schema_of(path))
    found = [error.message for error in validator.iter_errors(read_yaml(path) | change)]
    assert any(message in each for each in found), found


def test_the_examples_of_the_readme_are_valid():
    text = (CHECKOUT / "README.md").read_text()
    blocks = [yaml.safe_load(block) for block in re.findall(r"```yaml\n(.*?)```", text, re.DOTALL)]
    found = {"scenario": [], "layout": []}
    for block in blocks:
        if "datasets" in block or "classes" in block:
            found["scenario" if "datasets" in block else "layout"].append(block)
    assert all(found.values())
    for name, examples in found.items():
        for example in examples:
            Draft202012Validator(SCHEMAS[name]()).validate(example)


@pytest.mark.parametrize("files", ["a.npz", ["a.npz", "b.npz"], {"muon": "m/*.npz", "pion": ["p"]}])
def test_files_of_a_dataset_may_have_every_form(files):
    scenario = {"title": "x", "datasets": {"d": {"source": "files", "files": files}}, "tasks": {}}
    Draft202012Validator(SCHEMAS["scenario"]()).validate(scenario)
