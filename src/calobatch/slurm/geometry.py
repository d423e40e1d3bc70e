"""The shape of a training job: how its ranks are laid out over nodes and GPUs."""

from typing import NamedTuple

from calobatch.errors import UserError
from calobatch.slurm.site import Site

# Asks for the checkpoint so long before the walltime or a preemption ends the job.
SECONDS_TO_LEAVE = 120


class Geometry(NamedTuple):
    """The nodes of a job, all alike. ``gpus_per_node`` is 0 or one for each rank of the node."""

    nodes: int
    ranks_per_node: int
    gpus_per_node: int
    cpus_per_rank: int

    @property
    def cpus_per_node(self) -> int:
        """Cores that the job has of one node."""
        return self.ranks_per_node * self.cpus_per_rank

    @property
    def ranks(self) -> int:
        """Number of ranks in all."""
        return self.nodes * self.ranks_per_node


def geometry(ranks: int, device: str, site: Site, threads: int = 1) -> Geometry:
    """Lay out ``ranks`` over as few nodes of ``site`` as hold them, the same number on each.

    A rank has a GPU of its own where the site has GPUs and ``device`` is not "cpu", and as many
    cores as the site gives a rank, or ``threads`` if those are more.
    """
    on_gpus = device != "cpu" and site.gpus_per_node > 0
    cpus = max(site.cpus_per_rank, threads)
    room = site.gpus_per_node if on_gpus else site.cpus_per_node // cpus
    if room < 1:
        raise UserError(
            f"a node of {site.cpus_per_node} cores has no room for a rank of {cpus}; correct "
            "cpus_per_rank or cpus_per_node in the site file, or the task's threads"
        )
    nodes = next(n for n in range(-(-ranks // room), ranks + 1) if ranks % n == 0)
    per_node = ranks // nodes
    return Geometry(nodes, per_node, per_node if on_gpus else 0, cpus)


def resources(shape: Geometry, site: Site) -> dict[str, int | str]:
    """Return what the SLURM plugin of Snakemake is to ask for: a job of this shape.

    The plugin takes a job for one of MPI, and leaves the start of its ranks to `srun`, only with
    ``mpi``, and refuses that with one rank; it wants either ``tasks`` or ``tasks_per_node``, the
    latter above 1; and takes ``tasks`` for those of one GPU unless ``tasks_per_gpu`` is given.
    """
    asked: dict[str, int | str] = {
        "nodes": shape.nodes,
        "cpus_per_task": shape.cpus_per_rank,
        "tasks_per_gpu": 0,
        "slurm_extra": f"{site.sbatch_options} --signal=USR1@{SECONDS_TO_LEAVE}".strip(),
    }
    if shape.ranks > 1:
        asked["mpi"] = "srun"
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


def partition_of(shape: Geometry, site: Site) -> str:
    """Return the partition that a training of this shape goes to; empty: SLURM's default."""
    return (site.gpu_partition if shape.gpus_per_node else "") or site.partition


def memory(base: int, attempt: int, cores_per_node: int, site: Site) -> int:
    """Return the MB to ask for each core: more at each attempt, as far as a node has it."""
    room = site.mb_per_node // cores_per_node
    return min(base * attempt, room) if room else base * attempt


def launcher(shape: Geometry) -> str:
    """Return the command that starts the ranks of a job of this shape, in front of their own.

    One rank is started by the plugin. Nothing is left to the environment of the batch step: the
    plugin clears it of SLURM's variables.
    """
    if shape.ranks == 1:
        return ""
    return (
        f"srun --nodes={shape.nodes} --ntasks={shape.ranks} "
        f"--ntasks-per-node={shape.ranks_per_node} --cpus-per-task={shape.cpus_per_rank} "
        "--kill-on-bad-exit=1"
    )
