"""The site file: what differs between clusters.

It is a YAML file beside Snakemake's profile, and git ignores it.
"""

from pathlib import Path
from typing import Literal

from pydantic import Field

from calobatch.config.explain import validated
from calobatch.config.load import read_yaml
from calobatch.config.models import Section
from calobatch.errors import UserError

SITE_FILE = Path("cluster/slurm/site.yaml")
EXAMPLE = SITE_FILE.with_name("site.example.yaml")


class Site(Section):
    """One cluster as its users need to know it. An empty text leaves the choice to SLURM."""

    account: str = Field(
        "", description="account to charge, as `sacctmgr show associations` lists it"
    )
    partition: str = Field("", description="partition for all jobs that need no GPU")
    gpu_partition: str = Field(
        "", description="partition for trainings on GPUs; by default the same as partition"
    )
    gpus_per_node: int = Field(
        0, ge=0, strict=True, description="number of GPUs per node; 0: train on CPUs"
    )
    gpu_type: str = Field("", description="type of GPU, as `sinfo -o %G` shows it after gpu:")
    cpus_per_node: int = Field(
        gt=0, strict=True, description="number of cores that one job may use on each node"
    )
    mb_per_node: int = Field(
        0,
        ge=0,
        strict=True,
        description="memory in MB that one job may use on each node; 0: unknown",
    )
    cpus_per_rank: int = Field(
        1, gt=0, strict=True, description="number of cores for each rank of a training"
    )
    images: Path = Field(Path("containers/images"), description="folder that holds the images")
    variant: Literal["cpu", "cuda"] = Field(
        "cpu", description="which images to use: built for CPUs (cpu) or for GPUs (cuda)"
    )
    binds: tuple[str, ...] = Field(
        (), description="folders outside the project that jobs need inside the images"
    )
    modules: tuple[str, ...] = Field((), description="modules to load at the start of each job")
    network_interface: str = Field(
        "",
        description="network interface over which ranks talk; by default the one that leads to the "
        "other nodes",
    )
    sbatch_options: str = Field(
        "",
        description="further options of sbatch, for every job; not "
        "--constraint or --qos, which Snakemake's SLURM plugin refuses",
    )


def read_site(path: Path = SITE_FILE) -> Site:
    """Read and check the site file.

    Raises a UserError that says how to create the file, or which key to correct.
    """
    if not path.is_file():
        raise UserError(
            f"{path}, which describes your cluster, does not exist; copy {EXAMPLE} there and edit "
            "it"
        )
    return validated(Site, read_yaml(path), str(path))
