"""Read the scenario of one run of the workflow, and find its mistakes before any job starts."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from calobatch.config.dataset import Files, Simulated
from calobatch.config.layout_file import read_layout
from calobatch.config.load import load_scenario
from calobatch.config.scenario import Scenario
from calobatch.errors import UserError
from calobatch.pack.settings import check_reweight, file_labels
from calobatch.public.address import fault_of_folder
from calobatch.public.table import RemoteFile, read_table
from calobatch.simulate.planned_files import planned_files
from calobatch.slurm.geometry import Geometry, shapes_of
from calobatch.slurm.site import EXAMPLE, SITE_FILE, Site, read_site
from calobatch.workflow.starts import check_starts

# The keys of `snakemake --config`.
KEYS = {"scenario", "set"}
DEFAULT = "quickstart"
TABLE = Path("config/datasets.csv")


class Setup(NamedTuple):
    """A scenario, the public files that datasets.csv lists, and the cluster that it may run on.

    ``shapes`` says, for each task, how its ranks are laid out over the nodes of the cluster.
    """

    scenario: Scenario
    public_files: tuple[RemoteFile, ...]
    site: Site
    shapes: Mapping[str, Geometry]


def setup_of(config: Mapping[str, object], arguments: Sequence[str] = ()) -> Setup:
    """Return the setup that `snakemake --config` chooses.

    ``arguments`` are those of the snakemake command, which takes only the last of several
    `--config`. Raises UserError on that, and on an unknown key.
    """
    given = [a for a in arguments if a == "--config" or a.startswith(("--config=", "-C"))]
    if len(given) > 1:
        raise UserError(
            "--config is given more than once, and Snakemake would take only the last; write all "
            "its keys after one --config, as in --config scenario=NAME 'set=KEY=VALUE'"
        )
    if not isinstance(config.get("set", ""), str | int | float | None):
        raise UserError(
            "Snakemake has read the value of set= as a list or a section of YAML; give each key by "
            "itself, for example set=tasks.NAME.schedule.kind=cosine"
        )
    if unknown := set(config) - KEYS:
        raise UserError(
            f"--config has no key {', '.join(sorted(unknown))}; choose a scenario with "
            "scenario=NAME and change a key with set=tasks.electron_photon_cnn.epochs=5"
        )
    return read_setup(str(config.get("scenario", DEFAULT)), changes_in(config))


def changes_in(config: Mapping[str, object]) -> str:
    """Return the changes to keys of the scenario that `snakemake --config` has."""
    return str(config.get("set") or "")


def read_setup(name: str, overrides: str = "") -> Setup:
    """Read and check a scenario, the table of public files and the site file.

    Snakemake and all commands read them here, so that they refuse the same mistakes with the same
    words. Without a site file, the example is used. Raises UserError if any of them has a mistake.
    """
    scenario, public_files = _read_checked(name, overrides)
    site = read_site(SITE_FILE if SITE_FILE.exists() else EXAMPLE)
    return Setup(scenario, public_files, site, shapes_of(scenario, site))


def read_scenario(name: str, overrides: str = "") -> Scenario:
    """Read and check a scenario and its public files, but no site file (the doctor checks that)."""
    scenario, _ = _read_checked(name, overrides)
    return scenario


def _read_checked(name: str, overrides: str) -> tuple[Scenario, tuple[RemoteFile, ...]]:
    scenario, public_files = load_scenario(name, overrides), tuple(read_table(TABLE))
    check_public_files(scenario, public_files)
    check_layouts(scenario)
    check_starts(scenario)
    return scenario, public_files


def check_layouts(scenario: Scenario) -> None:
    """Raise UserError if a dataset does not fit its layout, or lacks a file of the user's own."""
    for name, dataset in scenario.datasets.items():
        layout = read_layout(dataset.layout or name)
        check_reweight(name, dataset, layout)
        if isinstance(dataset, Simulated):
            if layout.weight is not None:
                raise UserError(
                    f"datasets.{name}: simulated files have no weights, but layout {layout.name} "
                    "names their key; remove `weight` from it, or use files of your own"
                )
            planned_files(layout, dataset)
        if isinstance(dataset, Files):
            file_labels(name, dataset, layout)


def files_listed(public_files: tuple[RemoteFile, ...], dataset: str) -> list[str]:
    """Return the names of the files that the table lists for a dataset, in its order."""
    return [public.file for public in public_files if public.dataset == dataset]


def check_public_files(scenario: Scenario, public_files: tuple[RemoteFile, ...]) -> None:
    """Raise UserError if the table does not have a dataset to be fetched, or one of its files.

    Also raises it if the dataset's `location` is not well formed or has a password, because no file
    of a run may show a password.
    """
    for name, dataset in scenario.datasets.items():
        if dataset.source != "fetch":
            continue
        if fault := fault_of_folder(dataset.location or ""):
            raise UserError(f"datasets.{name}.location: {fault}")
        listed = files_listed(public_files, name)
        if not listed or set(dataset.files) - set(listed):
            raise UserError(
                f"datasets.{name}: {TABLE} lists {', '.join(listed) or 'no file'} for {name}; "
                f"correct the name of the dataset or its files, or add them to the table"
            )
