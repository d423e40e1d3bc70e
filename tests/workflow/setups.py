"""Small setups of the workflow: a scenario of two datasets, a table of files, and a cluster."""

from calobatch.config.dataset import Fetched, Simulated
from calobatch.config.scenario import Scenario, Task
from calobatch.public.table import RemoteFile
from calobatch.slurm.geometry import shapes_of
from calobatch.slurm.site import Site
from calobatch.workflow.scenario import Setup

SITE = Site(
    account="physics",
    partition="batch",
    gpu_partition="gpu",
    gpus_per_node=4,
    cpus_per_node=16,
    mb_per_node=32_000,
    cpus_per_rank=2,
    constraint="a100",
    exclude=("node07",),
    sbatch_options="--licenses=scratch",
)
CROPS = Simulated(source="simulate", events=1000)
JETS = Fetched(source="fetch")


def task(**changes):
    base = {
        "title": "A task",
        "dataset": "electron_photon",
        "model": "cnn",
        "epochs": 3,
        "batch_size": 64,
        "learning_rate": 1e-3,
    }
    return Task(**(base | changes))


def setup(site=SITE, *, crops=CROPS, jets=JETS, **tasks):
    """Return a setup of simulated crops, jets to be fetched, and the ``tasks``."""
    scenario = Scenario(
        name="small",
        title="A small scenario",
        datasets={"electron_photon": crops, "quark_gluon": jets},
        tasks=tasks or {"cnn": task()},
    )
    table = (
        remote("quark_gluon", "one.train.parquet"),
        remote("quark_gluon", "two.test.parquet"),
        remote("muons", "muons.hdf5"),
        remote("electron_photon", "photons.hdf5", label=0),
    )
    return Setup(scenario, table, site, shapes_of(scenario, site))


def remote(dataset, file, label=None):
    url = f"https://example.org/{file}"
    return RemoteFile(dataset=dataset, file=file, urls=(url,), bytes=None, sha256=None, label=label)
