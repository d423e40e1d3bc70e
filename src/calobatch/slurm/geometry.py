"""The shape of a training job: how its ranks are laid out over nodes and GPUs."""

import shlex
from typing import NamedTuple

from calobatch.config.scenario import Scenario
from calobatch.errors import UserError
from calobatch.slurm.site import Site

# SLURM signals a job this number of seconds before its walltime, time enough to finish a step,
# write a checkpoint and leave.
NOTICE_SECONDS = 120
# Memory in MB per core that a training requests at its first attempt.
TRAINING_MB = 4000
# Memory in MB per core that the largest data job requests at its first attempt, and the number of
# cores above which a data job does not get faster.
DATA_MB, MOST_CORES = 2000, 8


class Geometry(NamedTuple):
    """The nodes of a job, all with the same share of it.

    ``gpus_per_node`` is 0, or one GPU for each rank of the node.
    """

    nodes: int
    ranks_per_node: int
    gpus_per_node: int
    cpus_per_rank: int

    @property
    def cpus_per_node(self) -> int:
        """Number of cores that the job occupies on each node."""
        return self.ranks_per_node * self.cpus_per_rank

    @property
    def ranks(self) -> int:
        """Number of ranks on all nodes together."""
        return self.nodes * self.ranks_per_node


def geometry(ranks: int, device: str, site: Site, threads: int = 1) -> Geometry:
    """Lay out ``ranks`` over as few nodes of ``site`` as can hold them, with equal numbers on each.

    Every rank gets a GPU of its own if the site has GPUs and ``device`` is not "cpu". It gets
    ``site.cpus_per_rank`` cores, or ``threads`` cores if that is more. Raises a UserError if a node
    has too few cores for one rank.
    """
    on_gpus = device != "cpu" and site.gpus_per_node > 0
    cpus = max(site.cpus_per_rank, threads)
    most_per_node = site.gpus_per_node if on_gpus else site.cpus_per_node // cpus
    if most_per_node < 1:
        raise UserError(
            f"a rank needs {cpus} cores, but a node has only {site.cpus_per_node}; correct "
            "cpus_per_rank or cpus_per_node in the site file, or lower the task's threads"
        )
    # SLURM's --ntasks-per-node and --gres apply to every node, so each node gets the same number of
    # ranks. The search always finds a number of nodes: one rank per node divides evenly.
    fewest = -(-ranks // most_per_node)
    nodes = next(n for n in range(fewest, ranks + 1) if ranks % n == 0)
    per_node = ranks // nodes
    return Geometry(nodes, per_node, per_node if on_gpus else 0, cpus)


def shapes_of(scenario: Scenario, site: Site) -> dict[str, Geometry]:
    """Return the geometry of every task. Raises UserError if a rank of a task fits no node."""
    return {
        name: geometry(task.ranks, task.device, site, task.threads)
        for name, task in scenario.tasks.items()
    }


def options_of_every_job(site: Site) -> list[str]:
    """Return the options of sbatch that the site file names for all jobs.

    Everything that calobatch submits has them: jobs of Snakemake, the head process, the doctor's
    test jobs and the benchmarks.
    """
    named = {"account": site.account, "constraint": site.constraint, "qos": site.qos}
    return [*(f"--{name}={value}" for name, value in named.items() if value), *_extra(site)]


def resources_of_every_job(site: Site) -> dict[str, int | str]:
    """Return the same options as the resources by which Snakemake's SLURM plugin knows them."""
    named = {
        "slurm_account": site.account,
        "constraint": site.constraint,
        "qos": site.qos,
        "slurm_extra": shlex.join(_extra(site)),
    }
    return {name: value for name, value in named.items() if value}


def _extra(site: Site) -> list[str]:
    """Return the options for which the plugin has no resource; it passes on `slurm_extra`."""
    # The plugin itself excludes nodes that failed during this run. An `exclude` of the site file
    # comes later on sbatch's command line and replaces that; SLURM uses no node that is down.
    named = {"reservation": site.reservation, "exclude": ",".join(site.exclude)}
    return [
        *(f"--{name}={value}" for name, value in named.items() if value),
        *shlex.split(site.sbatch_options),
    ]


def resources(shape: Geometry, site: Site) -> dict[str, int | str]:
    """Return the Snakemake resources from which its SLURM plugin requests a job of this shape."""
    asked = resources_of_every_job(site) | {
        "nodes": shape.nodes,
        "cpus_per_task": shape.cpus_per_rank,
        # Without this key the plugin passes `tasks` on as the number of tasks per GPU.
        "tasks_per_gpu": 0,
    }
    # Without the prefix "B:" the signal goes to the job's steps, which are the trainings, and not
    # to the batch shell.
    signal = f"--signal=USR1@{NOTICE_SECONDS}"
    asked["slurm_extra"] = f"{asked.get('slurm_extra', '')} {signal}".strip()
    # `mpi` makes the plugin leave the start of the ranks to the rule's own srun. calobatch uses no
    # MPI. The plugin refuses `mpi` for a single task.
    if shape.ranks > 1:
        asked["mpi"] = "srun"
    # The plugin wants exactly one of these two keys, and `tasks_per_node` only if it is above 1.
    if shape.ranks_per_node > 1:
        asked["tasks_per_node"] = shape.ranks_per_node
    else:
        asked["tasks"] = shape.ranks
    if shape.gpus_per_node:
        kind = f"gpu:{site.gpu_type}" if site.gpu_type else "gpu"
        asked["gres"] = f"{kind}:{shape.gpus_per_node}"
    if partition := partition_of(shape, site):
        asked["slurm_partition"] = partition
    return asked


# The resources of Snakemake's SLURM plugin, and the options of sbatch and srun that they become.
OPTIONS = {
    "slurm_partition": "partition",
    "nodes": "nodes",
    "tasks": "ntasks",
    "tasks_per_node": "ntasks-per-node",
    "cpus_per_task": "cpus-per-task",
    "gres": "gres",
}


def job_options(shape: Geometry, site: Site, minutes: int, memory_per_cpu: int) -> list[str]:
    """Return the options with which sbatch or srun requests a job of this shape.

    For jobs that are started without Snakemake: the doctor's test jobs and the benchmarks.
    ``memory_per_cpu`` is in MB.
    """
    asked = resources(shape, site)
    return [
        *options_of_every_job(site),
        *(f"--{option}={asked[name]}" for name, option in OPTIONS.items() if name in asked),
        f"--time={minutes}",
        f"--mem-per-cpu={memory_per_cpu}",
    ]


def partition_of(shape: Geometry, site: Site) -> str:
    """Return the partition for a training of this shape; empty means SLURM's default partition."""
    return (site.gpu_partition if shape.gpus_per_node else "") or site.partition


def memory(base: int, attempt: int, cores_per_node: int, site: Site) -> int:
    """Return the memory per core in MB: ``base`` times the attempt, at most what a node has."""
    most = site.mb_per_node // cores_per_node
    return min(base * attempt, most) if most else base * attempt


def launcher(shape: Geometry) -> str:
    """Return the command that starts the ranks of a job; it goes in front of the ranks' command.

    It is empty for a single rank, which the SLURM plugin itself starts with srun.
    """
    if shape.ranks == 1:
        return ""
    # srun could read the job's shape from SLURM's variables, but the plugin removes these from
    # the environment of the batch script, so every number is given again. --cpus-per-task is never
    # inherited from sbatch (since SLURM 22.05). Without --kill-on-bad-exit, the other ranks would
    # wait for a failed one in an allreduce until the walltime.
    return (
        f"srun --nodes={shape.nodes} --ntasks={shape.ranks} "
        f"--ntasks-per-node={shape.ranks_per_node} --cpus-per-task={shape.cpus_per_rank} "
        "--kill-on-bad-exit=1"
    )
