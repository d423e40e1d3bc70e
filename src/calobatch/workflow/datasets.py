"""The files of a dataset, and the options of the verbs that make them."""

import shlex

from calobatch.config.models import Scenario, Simulated
from calobatch.layouts import Layout, layout_named
from calobatch.pack.settings import packing
from calobatch.simulate.planned_files import planned_files
from calobatch.workflow.scenario import Setup

PINS = "config/pins"


def layout_of(scenario: Scenario, dataset: str) -> Layout:
    """Return the layout of a dataset: the one of its own name, unless the scenario names one."""
    return layout_named(scenario.datasets[dataset].layout or dataset)


def raw_files(setup: Setup, dataset: str) -> list[str]:
    """Return the raw files of a dataset.

    Simulated files belong to their scenario. Public files are shared by all scenarios.
    """
    scenario = setup.scenario
    settings = scenario.datasets[dataset]
    if isinstance(settings, Simulated):
        files = planned_files(layout_of(scenario, dataset), settings)
        return [f"data/{scenario.name}/raw/{dataset}/{file.name}" for file in files]
    listed = [public.file for public in setup.public_files if public.dataset == dataset]
    chosen = settings.files or listed
    return [f"data/public/{dataset}/{file}" for file in listed if file in chosen]


def simulate_settings(scenario: Scenario, dataset: str) -> str:
    """Return the settings of simulate, as JSON, without what only pack depends on."""
    return scenario.datasets[dataset].model_dump_json(exclude={"split", "zero_below"})


def pack_settings(setup: Setup, dataset: str) -> str:
    """Return the settings of pack, as JSON."""
    settings = setup.scenario.datasets[dataset]
    return packing(dataset, settings, setup.public_files).model_dump_json()


def location_option(scenario: Scenario, dataset: str) -> str:
    """Return the option of fetch for the user's own place of the files; empty if there is none."""
    place = getattr(scenario.datasets[dataset], "location", None)
    return f"--location {shlex.quote(place)}" if place else ""


def pins_option(scenario: Scenario, dataset: str) -> str:
    """Return the option of pack that compares public files with their pins; empty if simulated."""
    return f"--pins {PINS}" if scenario.datasets[dataset].source == "fetch" else ""
