"""The site file: what differs between clusters.

It is a YAML file beside Snakemake's profile, and git ignores it.
"""

import shlex
from pathlib import Path
from typing import Literal

from pydantic import Field, field_validator

from calobatch.config.explain import validated
from calobatch.config.plain_yaml import read_yaml
from calobatch.config.section import Section
from calobatch.errors import UserError

SITE_FILE = Path("cluster/slurm/site.yaml")
EXAMPLE = SITE_FILE.with_name("site.example.yaml")

_PROFILE = "set runtime in cluster/slurm/config.yaml"
_SHAPE = "it follows from a training's ranks; use the keys {}"
# Options that may not stand in sbatch_options, each with its short form and what to do instead.
# Snakemake's SLURM plugin refuses most of them when it submits the first job; the others would
# replace what calobatch requests. tests/slurm/test_site.py compares them with the plugin's list.
REFUSED = {
    ("account", "A"): "use the key account",
    ("partition", "p"): "use the keys partition and gpu_partition",
    ("constraint", "C"): "use the key constraint",
    ("qos", "q"): "use the key qos",
    ("reservation", ""): "use the key reservation",
    ("exclude", "x"): "use the key exclude",
    ("time", "t"): _PROFILE,
    ("mem", ""): "use the key mb_per_node",
    ("mem-per-cpu", ""): "use the key mb_per_node",
    ("nodes", "N"): _SHAPE.format("cpus_per_node and gpus_per_node"),
    ("ntasks", "n"): _SHAPE.format("cpus_per_node and gpus_per_node"),
    ("ntasks-per-node", ""): _SHAPE.format("cpus_per_node and gpus_per_node"),
    ("ntasks-per-gpu", ""): _SHAPE.format("cpus_per_node and gpus_per_node"),
    ("cpus-per-task", "c"): "use the key cpus_per_rank",
    ("cpus-per-gpu", ""): "use the key cpus_per_rank",
    ("gres", ""): _SHAPE.format("gpus_per_node and gpu_type"),
    ("gpus", "G"): _SHAPE.format("gpus_per_node and gpu_type"),
    ("gpus-per-node", ""): _SHAPE.format("gpus_per_node and gpu_type"),
    ("gpus-per-task", ""): _SHAPE.format("gpus_per_node and gpu_type"),
    ("signal", ""): "calobatch sets it, so that trainings write a checkpoint in time",
    **dict.fromkeys(
        [
            ("job-name", "J"),
            ("output", "o"),
            ("error", "e"),
            ("comment", ""),
            ("workdir", "D"),
            ("chdir", ""),
            ("export", ""),
            ("parsable", ""),
            ("wrap", ""),
            ("array", "a"),
            ("wait", "W"),
            ("test-only", ""),
        ],
        "remove it: Snakemake decides it for each job",
    ),
    ("clusters", "M"): "remove it: submit from a login node of the cluster that is to run the jobs",
}


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
        (),
        description="folders outside the project that jobs need inside the images, besides those "
        "to which links of the project lead",
    )
    modules: tuple[str, ...] = Field((), description="modules to load at the start of each job")
    constraint: str = Field(
        "",
        description="features that all nodes of a job must have, as `sinfo -o %f` shows them",
    )
    qos: str = Field(
        "", description="quality of service of all jobs, as `sacctmgr show associations` lists it"
    )
    reservation: str = Field(
        "", description="reservation for all jobs, as `scontrol show reservation` lists it"
    )
    exclude: tuple[str, ...] = Field((), description="nodes on which no job may run")
    network_interface: str = Field(
        "",
        description="network interface over which ranks talk; by default the one that leads to the "
        "other nodes",
    )
    sbatch_options: str = Field(
        "", description="further options of sbatch, for every job; not those that have a key"
    )

    @field_validator("sbatch_options")
    @classmethod
    def _has_no_refused_option(cls, value: str) -> str:
        for word in shlex.split(value):
            if instead := _instead(word):
                raise ValueError(f"sbatch_options has {word.partition('=')[0]}; {instead}")
        return value


def _instead(word: str) -> str:
    """Return what to do instead of an option of sbatch, or an empty text if it is allowed."""
    long = word.removeprefix("--").partition("=")[0] if word.startswith("--") else ""
    short = word[1:2] if word.startswith("-") and not long else ""
    for (name, letter), instead in REFUSED.items():
        if (long and long == name) or (short and short == letter):
            return instead
    return ""


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
