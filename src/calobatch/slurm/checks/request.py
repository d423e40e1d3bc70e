"""What the largest training of a scenario will request from SLURM: its shape, time and memory."""

from pathlib import Path
from typing import NamedTuple

from calobatch.config.scenario import Scenario
from calobatch.slurm.geometry import TRAINING_MB, Geometry, memory, shapes_of
from calobatch.slurm.profile import PROFILE, minutes_of
from calobatch.slurm.site import Site
from calobatch.words import counted


class Attempt(NamedTuple):
    """What one attempt of a job requests; ``memory_per_cpu`` is in MB. Later ones request more."""

    minutes: int
    memory_per_cpu: int


class Request(NamedTuple):
    """A training, its shape, and what each attempt of its job requests."""

    task: str
    device: str
    communicator: str
    shape: Geometry
    attempts: tuple[Attempt, ...]

    def memory_per_node(self, attempt: int) -> int:
        """Return the memory in MB that an attempt requests per node; ``attempt`` counts from 0."""
        return self.shape.cpus_per_node * self.attempts[attempt].memory_per_cpu

    def __str__(self) -> str:
        """Return the request in words."""
        gpus = counted(self.shape.gpus_per_node, "GPU") if self.shape.gpus_per_node else "no GPU"
        return (
            f"{self.task}: {counted(self.shape.ranks, 'rank')} on "
            f"{counted(self.shape.nodes, 'node')}, "
            f"{counted(self.shape.cpus_per_node, 'core')} and {gpus} per node"
        )


def largest_request(scenario: Scenario, site: Site, profile: Path = PROFILE) -> Request:
    """Return the request of the training with the most GPUs; if tied, the one with most ranks.

    Raises a UserError if a training does not fit ``site`` or ``profile`` cannot be used.
    """
    shapes = shapes_of(scenario, site)
    name = max(shapes, key=lambda n: (shapes[n].nodes * shapes[n].gpus_per_node, shapes[n].ranks))
    task, shape = scenario.tasks[name], shapes[name]
    attempts = tuple(
        Attempt(minutes, memory(TRAINING_MB, attempt, shape.cpus_per_node, site))
        for attempt, minutes in enumerate(minutes_of("train", profile), start=1)
    )
    return Request(name, task.device, task.communicator, shape, attempts)
