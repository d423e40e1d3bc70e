"""What each job asks of the cluster, and what starts its command.

Here the words "on the cluster" mean that jobs are submitted to SLURM. Otherwise a job is a process
on this machine, and every resource of this module is None or empty.
"""

from collections.abc import Callable, Mapping
from typing import Any

from calobatch.config.models import Scenario
from calobatch.slurm.geometry import TRAINING_MB, launcher, memory, resources
from calobatch.workflow.scenario import Setup

# More cores than this do not make a data job faster.
MOST_CORES = 8
# What a training asks for beside its memory and account; which of them depends on its shape.
RESOURCES_OF_TRAINING = (
    "slurm_partition",
    "slurm_extra",
    "mpi",
    "nodes",
    "tasks",
    "tasks_per_node",
    "tasks_per_gpu",
    "cpus_per_task",
    "gres",
)

# A value that Snakemake asks for once it knows the wildcards and the attempt of a job.
Resource = Callable[..., Any]


class Jobs:
    """The jobs of one run of the workflow.

    ``on_cluster`` is asked late, for each job: Snakemake does not know it when it reads the rules.
    """

    def __init__(self, setup: Setup, on_cluster: Callable[[], bool]) -> None:
        self.setup = setup
        self.on_cluster = on_cluster

    def here(self, image: str) -> dict[str, Resource]:
        """Return the resources of a job that runs where the head process runs."""
        return {
            "start": lambda wildcards: f"calobatch contain {image} --" if self.on_cluster() else ""
        }

    def of(self, image: str, *, mb: int) -> dict[str, Resource]:
        """Return the resources of a job in ``image`` with ``mb`` MB per core at its first try."""
        return self.here(image) | {
            "mem_mb_per_cpu": lambda wildcards, threads, attempt: self._memory(
                mb, attempt, threads
            ),
            "slurm_account": lambda wildcards: self._site("account"),
            "slurm_partition": lambda wildcards: self._site("partition"),
            "slurm_extra": lambda wildcards: self._site("sbatch_options"),
        }

    def of_training(self) -> dict[str, Resource]:
        """Return the resources of a training, whose nodes follow from its number of ranks."""
        return {
            "start": lambda wildcards: self._ranks_started(wildcards.task),
            "mem_mb_per_cpu": lambda wildcards, attempt: self._memory(
                TRAINING_MB, attempt, self.setup.shapes[wildcards.task].cpus_per_node
            ),
            "slurm_account": lambda wildcards: self._site("account"),
            **{name: self._of_shape(name) for name in RESOURCES_OF_TRAINING},
        }

    def cores(self, wildcards: object = None) -> int:
        """Return the cores of a data job; on this machine Snakemake lowers them to what it has."""
        room = self.setup.site.cpus_per_node if self.on_cluster() else MOST_CORES
        return min(MOST_CORES, room)

    def _memory(self, mb: int, attempt: int, cores: int) -> int | None:
        return memory(mb, attempt, cores, self.setup.site) if self.on_cluster() else None

    def _site(self, key: str) -> str | None:
        """Return what the site file says for every job; None leaves it to SLURM."""
        return (getattr(self.setup.site, key) or None) if self.on_cluster() else None

    def _of_shape(self, name: str) -> Resource:
        def value(wildcards: Any) -> int | str | None:
            shape = self.setup.shapes[wildcards.task]
            return resources(shape, self.setup.site).get(name) if self.on_cluster() else None

        return value

    def _ranks_started(self, task: str) -> str:
        if not self.on_cluster():
            return f"calobatch launch -n {self.setup.scenario.tasks[task].ranks}"
        srun = launcher(self.setup.shapes[task])
        return f"calobatch requeue -- {srun} calobatch contain train --"


def cores_of_training(scenario: Scenario, task: str) -> int:
    """Return the cores that all ranks of a task have together."""
    settings = scenario.tasks[task]
    return settings.ranks * settings.threads


def shell_prefix(modules: tuple[str, ...]) -> str:
    """Return what every command of a job on a compute node begins with."""
    return f"set -euo pipefail; module load {' '.join(modules)}; " if modules else ""


def store_of(scenario: Scenario, task: str) -> Mapping[str, str]:
    """Return the two files of the packed store that a task trains on."""
    folder = f"data/{scenario.name}/packed/{scenario.tasks[task].dataset}"
    return {"events": f"{folder}/events.arrow", "manifest": f"{folder}/manifest.json"}
