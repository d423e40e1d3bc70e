"""No text of the user is taken for a pattern, on its way from a YAML file to a job."""

import html
import json
import re
import shlex

import pytest
import yaml

from calobatch.config.load import load_scenario
from tests.workflow.test_fetch_run import TABLE, write_crops

# Wildcards and variables of Snakemake, fields of format, and what bash would run or expand.
TEXT = (
    "$p_{T}$ {task} {wildcards.task} {{x}} {params} {} %s 'q' \"d\" `id` $(id) $HOME \\alpha ;&|*é"
)
FOLDER = "my $p_{T}$ {file} 'q' $(id)"
SITE = {
    "cpus_per_node": 8,
    "account": "{account}",
    "partition": "{task}",
    "constraint": "{a}&b",
    "qos": "{params}",
    "reservation": "{x}",
    "exclude": ["n{1}"],
    "sbatch_options": "--licenses={lic}",
}


def scenario(location, model_options):
    return {
        "title": TEXT,
        "datasets": {"electron_photon": {"source": "fetch", "location": location}},
        "tasks": {
            "electron_photon_cnn": {
                "title": TEXT,
                "reference_source": TEXT,
                "model_options": model_options,
                "epochs": 1,
                "batch_size": 20,
                "ranks": 1,
                "communicator": "single",
            }
        },
    }


@pytest.fixture
def own(fresh):
    """A clone with files of the user in a folder with an unusual name."""
    folder = fresh.folder / FOLDER
    folder.mkdir()
    write_crops(folder / "electrons.hdf5", 1)
    write_crops(folder / "photons.hdf5", 0)
    (fresh.folder / "config/datasets.csv").write_text(TABLE)
    return fresh


def commands(output):
    """Return the words after `calobatch VERB` in each command that Snakemake shows, by verb."""
    command = r"^Shell command: .*?calobatch (fetch|train|collect|report) (.*) 2>&1"
    shown = re.findall(command, output, re.MULTILINE)
    return {verb: shlex.split(words) for verb, words in shown}


@pytest.mark.parametrize("profile", [[], ["--profile", "slurm"]])
def test_every_text_reaches_the_command_line_of_its_job_unchanged(own, profile):
    written = scenario(TEXT, {"text": TEXT, "{task}": {"{dataset}": [TEXT]}})
    (own.folder / "config/own.yaml").write_text(yaml.safe_dump(written))
    (own.folder / "cluster/slurm/site.yaml").write_text(yaml.safe_dump(SITE))
    answer = own.snakemake("-n", "-p", *profile, "--config", "scenario=own")
    expected = load_scenario(str(own.folder / "config/own.yaml"), folder=own.folder / "config")
    found = {
        verb: words[words.index("--location" if verb == "fetch" else "--settings") + 1]
        for verb, words in commands(answer.stdout).items()
    }
    task = expected.tasks["electron_photon_cnn"]
    assert found["fetch"] == TEXT
    assert json.loads(found["train"]) == task.training().model_dump(mode="json")
    assert json.loads(found["collect"]) == expected.model_dump(mode="json")
    assert json.loads(found["report"]) == expected.model_dump(mode="json")


def test_a_scenario_full_of_patterns_runs_to_its_report(own):
    written = scenario(str(own.folder / FOLDER), {})
    (own.folder / "config/own.yaml").write_text(yaml.safe_dump(written))
    own.snakemake("--profile", "cluster/local", "--config", "scenario=own")
    page = (own.folder / "results/own/report.html").read_text(encoding="utf-8")
    assert TEXT in html.unescape(page)
