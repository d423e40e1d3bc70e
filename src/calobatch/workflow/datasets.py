"""The raw files of a dataset, and the options of the verbs fetch, simulate and pack."""

import shlex

from calobatch.config.models import Scenario, Simulated
from calobatch.layouts import Layout, layout_named
from calobatch.pack.settings import packing
from calobatch.simulate.planned_files import planned_files
from calobatch.workflow.scenario import Setup, files_listed

# Checksums that fetch recorded at the first download of each public file.
PINS = "config/pins"


def layout_of(scenario: Scenario, dataset: str) -> Layout:
    """Return the layout that the scenario names for a dataset; by default the dataset's name."""
    return layout_named(scenario.datasets[dataset].layout or dataset)


def raw_files(setup: Setup, dataset: str) -> list[str]:
    """Return the paths of the raw files of a dataset, relative to the checkout.

    Simulated files are in a folder of their scenario. Public files are shared by all scenarios.
    """
    scenario = setup.scenario
    settings = scenario.datasets[dataset]
    if isinstance(settings, Simulated):
        files = planned_files(layout_of(scenario, dataset), settings)
        return [f"data/{scenario.name}/raw/{dataset}/{file.name}" for file in files]
    listed = files_listed(setup.public_files, dataset)
    chosen = settings.files or listed
    return [f"data/public/{dataset}/{file}" for file in listed if file in chosen]


def simulate_settings(scenario: Scenario, dataset: str) -> str:
    """Return the settings of simulate as JSON.

    The keys that only pack uses are left out. Otherwise a changed split would make Snakemake
    simulate the files again.
    """
    return scenario.datasets[dataset].model_dump_json(
        exclude={"split", "zero_below", "check_balance"}
    )


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
