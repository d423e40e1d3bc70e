# The scenario: read and checked once; every rule's settings and files are taken from it.

import shlex
import sys

from calobatch.checksum import sha256_of
from calobatch.config.load import load_scenario, model_source
from calobatch.errors import UserError
from calobatch.fetch.table import read_table
from calobatch.layouts import layout_named
from calobatch.pack.settings import packing
from calobatch.simulate.planned_files import planned_files

try:
    if unknown := set(config) - {"scenario", "set"}:
        raise UserError(
            f"--config has no {', '.join(sorted(unknown))}; choose a scenario with scenario=NAME "
            "and change a key with set=tasks.electron_photon_cnn.epochs=5"
        )
    SCENARIO = load_scenario(config.get("scenario", "quickstart"), config.get("set") or "")
    PUBLIC_FILES = read_table(Path("config/datasets.csv"))
    for name, dataset in SCENARIO.datasets.items():
        if dataset.source == "fetch":
            listed = [f.file for f in PUBLIC_FILES if f.dataset == name]
            if not listed or set(dataset.files) - set(listed):
                raise UserError(
                    f"datasets.{name}: config/datasets.csv lists {', '.join(listed) or 'no file'} "
                    f"for {name}; correct the name, or files, or add it to the table"
                )
except UserError as error:
    print(f"calobatch: {error}", file=sys.stderr)
    sys.exit(error.exit_code)

DATA = f"data/{SCENARIO.name}"
RESULTS = f"results/{SCENARIO.name}"
LOGS = f"logs/{SCENARIO.name}"
TRACKING_URI = os.environ.get("MLFLOW_TRACKING_URI", "sqlite:///mlflow.db")
RUNS = [f"{RESULTS}/{task}/seed{seed}" for task in SCENARIO.tasks for seed in SCENARIO.seeds]


wildcard_constraints:
    dataset="[a-z0-9_]+",
    task="[a-z0-9_]+",
    seed="[0-9]+",
    file="[^/]+",


def dataset_layout(name):
    """The layout of a dataset: its own name, unless the scenario says otherwise."""
    return layout_named(SCENARIO.datasets[name].layout or name)


def raw_files(name):
    """The raw files of a dataset. Public ones are shared by all scenarios."""
    dataset = SCENARIO.datasets[name]
    if dataset.source == "simulate":
        files = [file.name for file in planned_files(dataset_layout(name), dataset)]
        return [f"{DATA}/raw/{name}/{file}" for file in files]
    files = [f.file for f in PUBLIC_FILES if f.dataset == name]
    return [f"data/public/{name}/{file}" for file in files if file in (dataset.files or files)]


def location(wildcards):
    """The option of fetch that names the user's own place for the files, if there is one."""
    place = SCENARIO.datasets[wildcards.dataset].location
    return f"--location {shlex.quote(place)}" if place else ""


def pins(wildcards):
    """The option of pack that holds public files to their pins; where, not what they are."""
    fetched = SCENARIO.datasets[wildcards.dataset].source == "fetch"
    return "--pins config/pins" if fetched else ""


def store_of_task(wildcards):
    """The packed store that a task trains on."""
    folder = f"{DATA}/packed/{SCENARIO.tasks[wildcards.task].dataset}"
    return {"events": f"{folder}/events.arrow", "manifest": f"{folder}/manifest.json"}


def model_sha256(wildcards):
    """The checksum of the file that a task's model is written in."""
    return sha256_of(model_source(SCENARIO.tasks[wildcards.task].model))


def cores_of_training(wildcards):
    """The cores of a task's ranks together."""
    task = SCENARIO.tasks[wildcards.task]
    return task.ranks * task.threads


def missing_store(uri):
    """The file of an SQLite store that is not there, in a list; else nothing.

    A store that was removed is a missing output. One that is there is no output: Snakemake would
    delete it before the rule runs, and it holds other scenarios too.
    """
    kind, _, path = uri.partition("?")[0].partition(":///")
    return [path] if kind == "sqlite" and path and not Path(path).exists() else []
