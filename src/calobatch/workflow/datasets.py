"""The raw files of a dataset, and the options of the verbs fetch, simulate and pack."""

import json
import shlex
from pathlib import Path

from calobatch.config.dataset import Fetched, Files, Simulated
from calobatch.config.layout_file import read_layout
from calobatch.config.scenario import Scenario
from calobatch.layouts import Layout
from calobatch.pack.settings import own_files, packing
from calobatch.run.name import runs_of
from calobatch.simulate.planned_files import planned_files
from calobatch.simulate.version import version_key
from calobatch.slurm.folder import require_visible
from calobatch.workflow.scenario import Setup, files_listed
from calobatch.workflow.searches import outcomes_of
from calobatch.workflow.starts import start_files

# Checksums that fetch recorded at the first download of each public file.
PINS = "config/pins"


def layout_of(scenario: Scenario, dataset: str) -> Layout:
    """Return the layout that the scenario names for a dataset; by default the dataset's name."""
    return read_layout(scenario.datasets[dataset].layout or dataset)


def raw_files(setup: Setup, dataset: str) -> list[str]:
    """Return the paths of the raw files of a dataset, relative to the checkout.

    Simulated files are in a folder of their scenario. Public files are shared by all scenarios, and
    a user's own files stay where they are.
    """
    scenario = setup.scenario
    match settings := scenario.datasets[dataset]:
        case Simulated():
            files = planned_files(layout_of(scenario, dataset), settings)
            return [f"data/{scenario.name}/raw/{dataset}/{file.name}" for file in files]
        case Files():
            return [str(path) for path in own_files(dataset, settings)]
        case Fetched():
            listed = files_listed(setup.public_files, dataset)
            chosen = settings.files or listed
            return [f"data/public/{dataset}/{file}" for file in listed if file in chosen]


def require_visible_files(setup: Setup, folder: Path) -> None:
    """Raise UserError if a file or a run that the user names is where images do not see it."""
    needed = [
        (f"datasets.{name}.files", path)
        for name, dataset in setup.scenario.datasets.items()
        if isinstance(dataset, Files)
        for path in own_files(name, dataset)
    ]
    needed += [
        (f"tasks.{name}.start_from", Path(file))
        for name in setup.scenario.tasks
        for file in start_files(setup.scenario, name)
    ]
    require_visible(needed, folder, setup.site.binds)


def simulate_settings(scenario: Scenario, dataset: str) -> str:
    """Return the settings of simulate as JSON, with the version of the simulation.

    Snakemake simulates files again if this text changes. The keys that only pack uses are left out,
    so that a changed split does not change it.
    """
    settings = scenario.datasets[dataset].model_dump_json(
        exclude={"split", "zero_below", "reweight", "check_balance"}
    )
    version = version_key(layout_of(scenario, dataset))
    # The text of the first version has to stay the same to every comma.
    return json.dumps(json.loads(settings) | version) if version else settings


def pack_settings(setup: Setup, dataset: str) -> str:
    """Return the settings of pack as JSON."""
    settings = setup.scenario.datasets[dataset]
    return packing(dataset, settings, setup.public_files).model_dump_json()


def location_option(scenario: Scenario, dataset: str) -> str:
    """Return the option that gives fetch the dataset's `location`, quoted; empty if it has none."""
    place = getattr(scenario.datasets[dataset], "location", None)
    return f"--location {shlex.quote(place)}" if place else ""


def pins_option(scenario: Scenario, dataset: str) -> str:
    """Return the option that makes pack compare the files with their pins.

    It is empty for a simulated dataset, which has no pins.
    """
    return f"--pins {PINS}" if scenario.datasets[dataset].source == "fetch" else ""


def origins(
    setup: Setup, store: str, run: str
) -> tuple[dict[Path, list[Path]], dict[Path, Path], dict[Path, Path]]:
    """Return the raw files of each store, and the store of each run and outcome of the scenario.

    ``store`` and ``run`` are the patterns of their folders, with the wildcards of the rules.
    """
    scenario = setup.scenario
    stores = {name: Path(store.format(dataset=name)) for name in scenario.datasets}
    raw = {folder: [Path(f) for f in raw_files(setup, name)] for name, folder in stores.items()}
    runs = {
        Path(run.format(task=name.task, run=name.member)): stores[scenario.tasks[name.task].dataset]
        for name in runs_of(scenario)
    }
    outcomes = {
        Path(file): stores[scenario.tasks[task].dataset]
        for task in scenario.searched
        for file in outcomes_of(scenario, task)
    }
    return raw, runs, outcomes
