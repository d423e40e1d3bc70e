"""What differs between clusters: one YAML file, beside the profile and outside git."""

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
    """One cluster, as its users have to know it. Empty texts leave the choice to SLURM."""

    account: str = Field(
        "", description="account that pays, as `sacctmgr show associations` has it"
    )
    partition: str = Field("", description="partition of all jobs that need no GPU")
    gpu_partition: str = Field("", description="partition of trainings; by default the one above")
    gpus_per_node: int = Field(0, ge=0, strict=True, description="0: train on CPUs")
    gpu_type: str = Field("", description="type of GPU, as `sinfo -o %G` has it after gpu:")
    cpus_per_node: int = Field(gt=0, strict=True, description="cores that one job may have a node")
    mb_per_node: int = Field(0, ge=0, strict=True, description="its memory in MB; 0: unknown")
    cpus_per_rank: int = Field(
        1, gt=0, strict=True, description="cores for each rank of a training"
    )
    images: Path = Field(Path("containers/images"), description="folder of the images")
    variant: Literal["cpu", "cuda"] = Field("cpu", description="which images: for CPUs or for GPUs")
    binds: tuple[str, ...] = Field((), description="folders outside the project that jobs need")
    modules: tuple[str, ...] = Field((), description="modules to load in each job")
    network_interface: str = Field("", description="of the ranks' traffic; by default found itself")
    sbatch_options: str = Field("", description="more options of sbatch, for every job")


def read_site(path: Path = SITE_FILE) -> Site:
    """Read and check the site file; a UserError says how to make one, or what to mend in it."""
    if not path.is_file():
        raise UserError(
            f"there is no {path}, which describes your cluster; copy {EXAMPLE} there and edit it"
        )
    return validated(Site, read_yaml(path), str(path))
