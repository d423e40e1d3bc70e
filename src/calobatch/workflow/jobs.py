"""What each job requests from the cluster, and the command that starts it.

In this module, "on the cluster" means that jobs are submitted to SLURM. Otherwise a job is a
process on this machine, and all resources but `start` and `hang_seconds` are None: nothing is
requested.
"""

from collections.abc import Callable, Mapping
from typing import Any

from calobatch.config.scenario import Scenario
from calobatch.slurm.ended import telling_the_end
from calobatch.slurm.geometry import (
    MOST_CORES,
    TRAINING_MB,
    launcher,
    memory,
    resources,
    resources_of_every_job,
)
from calobatch.slurm.modules import loading
from calobatch.slurm.site import Site
from calobatch.store_files import EVENTS_FILE, MANIFEST_FILE
from calobatch.workflow.scenario import Setup

# The resources that a job may request because of the site file. A key that is empty there is None
# here, which leaves the choice to SLURM.
RESOURCES_OF_EVERY_JOB = ("slurm_account", "constraint", "qos", "slurm_extra")
# The resources that a training may request besides memory; its shape decides which.
RESOURCES_OF_TRAINING = (
    *RESOURCES_OF_EVERY_JOB,
    "slurm_partition",
    "mpi",
    "nodes",
    "tasks",
    "tasks_per_node",
    "tasks_per_gpu",
    "cpus_per_task",
    "gres",
)

# A function that Snakemake calls for each job. It passes the wildcards, and `threads` and `attempt`
# (1 for the first try) to functions that have parameters of these names.
Resource = Callable[..., Any]


class Jobs:
    """The jobs of one run of the workflow.

    ``on_cluster`` is called for each job, because Snakemake does not know the answer when it reads
    the rules.
    """

    def __init__(self, setup: Setup, on_cluster: Callable[[], bool]) -> None:
        self.setup = setup
        self.on_cluster = on_cluster

    def start_here(self, image: str) -> str:
        """Return the words that start a command in ``image`` where the head process runs."""
        return f"calobatch contain {image} --" if self.on_cluster() else ""

    def here(self, image: str) -> dict[str, Resource]:
        """Return the resources of a job that runs where the head process runs."""
        return {"start": lambda wildcards: self.start_here(image)}

    def of(self, image: str, *, mb: int) -> dict[str, Resource]:
        """Return the resources of a job in ``image``, with ``mb`` MB of memory per core at first.

        Snakemake repeats a job that failed, perhaps for lack of memory: every attempt gets more.
        """
        return self.here(image) | {
            "mem_mb_per_cpu": lambda wildcards, threads, attempt: self._memory(
                mb, attempt, threads
            ),
            "slurm_partition": lambda wildcards: self._partition(),
            **{name: self._of_every_job(name) for name in RESOURCES_OF_EVERY_JOB},
        }

    def of_training(self) -> dict[str, Resource]:
        """Return the resources of a training, whose nodes follow from its number of ranks."""
        return {
            "start": lambda wildcards: self._ranks_started(wildcards.task),
            # Not a parameter of the rule: a changed parameter would repeat the training.
            "hang_seconds": lambda wildcards: self._hang_seconds(wildcards.task),
            "mem_mb_per_cpu": lambda wildcards, attempt: self._memory(
                TRAINING_MB, attempt, self.setup.shapes[wildcards.task].cpus_per_node
            ),
            **{name: self._of_shape(name) for name in RESOURCES_OF_TRAINING},
        }

    def cores(self, wildcards: object = None) -> int:
        """Return the number of cores of a data job.

        If jobs run on this machine, Snakemake lowers it to the number of cores that are available.
        """
        room = self.setup.site.cpus_per_node if self.on_cluster() else MOST_CORES
        return min(MOST_CORES, room)

    def _memory(self, mb: int, attempt: int, cores: int) -> int | None:
        return memory(mb, attempt, cores, self.setup.site) if self.on_cluster() else None

    def _partition(self) -> str | None:
        """Return the partition of data jobs, or None, which leaves the choice to SLURM."""
        return (self.setup.site.partition or None) if self.on_cluster() else None

    def _of_every_job(self, name: str) -> Resource:
        def value(wildcards: Any) -> int | str | None:
            return resources_of_every_job(self.setup.site).get(name) if self.on_cluster() else None

        return value

    def _of_shape(self, name: str) -> Resource:
        def value(wildcards: Any) -> int | str | None:
            shape = self.setup.shapes[wildcards.task]
            return resources(shape, self.setup.site).get(name) if self.on_cluster() else None

        return value

    def _ranks_started(self, task: str) -> str:
        """Return the command that starts all ranks; the rank's own command follows it."""
        if not self.on_cluster():
            settings = self.setup.scenario.tasks[task]
            return f"calobatch launch -n {settings.ranks} --device {settings.device}"
        srun = launcher(self.setup.shapes[task])
        return f"calobatch requeue -- {srun} calobatch contain train --"

    def _hang_seconds(self, task: str) -> str:
        """Return the option's value; as text, because the scheduler counts resources in numbers."""
        seconds = self.setup.scenario.tasks[task].hang_seconds
        return "never" if seconds is None else f"{seconds:g}"


def cores_of_training(scenario: Scenario, task: str) -> int:
    """Return the number of cores of all ranks of a task together."""
    settings = scenario.tasks[task]
    return settings.ranks * settings.threads


# A command ends in `2>&1 | into_log {log}`: what it prints goes to the terminal and into the log.
# A log that cannot be written must not fail a job that has done its work: if tee ends early, cat
# reads the rest. The log of an earlier try stays beside it. In parentheses, because Snakemake would
# take braces for variables.
INTO_LOG = (
    'into_log() ( if [ -s "$1" ]; then mv -f "$1" "$1.before" || true; fi; '
    'tee -p "$1" || cat >/dev/null ); '
)


def shell_prefix(site: Site, *, in_slurm: bool) -> str:
    """Return what Snakemake puts before every command of a job, in place of its own `set -e`.

    ``in_slurm`` says whether the command runs in a job of SLURM.
    """
    if not in_slurm:
        return "set -euo pipefail; " + INTO_LOG
    begin = (loading(site.modules) or "set -euo pipefail; ") + telling_the_end()
    # Snakemake takes braces for variables, and doubled braces for braces.
    return begin.replace("{", "{{").replace("}", "}}") + INTO_LOG


def store_of(scenario: Scenario, task: str) -> Mapping[str, str]:
    """Return the two files of the packed store that a task trains on."""
    folder = f"data/{scenario.name}/packed/{scenario.tasks[task].dataset}"
    return {"events": f"{folder}/{EVENTS_FILE}", "manifest": f"{folder}/{MANIFEST_FILE}"}
