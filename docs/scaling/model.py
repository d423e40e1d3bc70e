"""What the scaling study makes of its measurements: fits, stated networks, tasks."""

from collections.abc import Iterator
from typing import NamedTuple

from calobatch.errors import UserError
from calobatch.plan.allreduce import Network, fit_network
from calobatch.plan.measurements import Measurements, Sweep, TrainingSpeed
from calobatch.plan.step import BYTES_OF_A_GRADIENT, Step, fit_compute

# A call by Horovod, whose cycle is 1 ms on GPUs, and a message of its agreement, over TCP.
CALL, AGREEMENT = 1e-3, 25e-6
# Latency a message in seconds, bandwidth of a node's link in Gbit/s.
SPEEDS = {
    "10 Gbit/s Ethernet": (25e-6, 10),
    "100 Gbit/s (HDR100)": (5e-6, 100),
    "400 Gbit/s (NDR)": (5e-6, 400),
}
STATED = {
    name: Network(CALL, latency, 8e-9 / gigabit, "ring", AGREEMENT)
    for name, (latency, gigabit) in SPEEDS.items()
}
# As Horovod at worst and at best, and as torch.distributed, which neither waits nor agrees.
WAYS = (
    {"algorithm": "ring"},
    {"algorithm": "tree"},
    {"algorithm": "tree", "call": 0.0, "agreement": 0.0},
)
# Between a core, which was measured, and a GPU, which was not. An assumption.
FASTER = 100.0


class Point(NamedTuple):
    """A measured training, its efficiency, and what the model says of both."""

    kind: str  # "strong" or "weak"
    speed: TrainingSpeed
    efficiency: float
    predicted: float  # efficiency

    @property
    def error(self) -> float:
        """What the model says in addition to what was measured, as a share of it."""
        return self.predicted / self.efficiency - 1


class TaskStudy:
    """One task: its trainings, and the step that fits those of one rank."""

    def __init__(self, name: str, measured: Measurements) -> None:
        self.name, self.measured = name, measured
        self.trainings = [speed for speed in measured.trainings if speed.task == name]
        alone = [speed for speed in self.trainings if speed.ranks == 1]
        self.base = max(alone, key=lambda speed: speed.batch_size)
        self.compute = fit_compute(alone)
        self.gradient_bytes = BYTES_OF_A_GRADIENT * self.base.parameters

    def step(self, network: Network, slower: float = 1.0) -> Step:
        """Return a step over ``network`` whose computing takes ``slower`` times as long."""
        return Step(self.compute.times(slower), network, self.gradient_bytes)

    def points(self, nodes: int) -> list[Point]:
        """Return the trainings with several ranks on so many nodes."""
        network = fit_network(sweeps_of(self.measured, "horovod", nodes))
        points = [
            Point(kind, speed, self.efficiency(speed), self.modelled(network, speed.ranks, kind))
            for speed in self.trainings
            if speed.ranks > 1 and speed.nodes == nodes and (kind := self.kind(speed))
        ]
        return sorted(points, key=lambda point: (point.kind, point.speed.ranks))

    def kind(self, speed: TrainingSpeed) -> str:
        """Return "strong" for the batch of one rank, "weak" for that of each rank."""
        kinds = {self.base.batch_size: "strong", self.base.batch_size * speed.ranks: "weak"}
        return kinds.get(speed.batch_size, "")

    def efficiency(self, speed: TrainingSpeed) -> float:
        """Return the measured speed as a share of that of ranks that do not wait."""
        return speed.events_per_second / (speed.ranks * self.base.events_per_second)

    def modelled(self, network: Network, ranks: int, kind: str) -> float:
        """Return the efficiency by the model; ranks that share cores compute more slowly."""
        batch = self.base.batch_size * (ranks if kind == "weak" else 1)
        together = self.step(network, self.measured.crowding(ranks))
        alone = self.step(network).events_per_second(self.base.batch_size, 1)
        return together.events_per_second(batch, ranks) / (ranks * alone)


def sweeps_of(measured: Measurements, backend: str, nodes: int) -> list[Sweep]:
    """Return the sweeps of a back end on a number of nodes."""
    return [s for s in measured.sweeps if (s.backend, s.nodes) == (backend, nodes)]


def kinds_of_sweeps(measured: Measurements) -> Iterator[tuple[str, int, list[Sweep], Network]]:
    """Yield back end, nodes, sweeps and fitted network of each kind."""
    for backend, nodes in sorted({(s.backend, s.nodes) for s in measured.sweeps}):
        sweeps = sweeps_of(measured, backend, nodes)
        yield backend, nodes, sweeps, fit_network(sweeps)


def tasks_of(measured: Measurements) -> list[TaskStudy]:
    """Return the tasks as they were measured, in order; a UserError if one is not whole."""
    names = dict.fromkeys(speed.task for speed in measured.trainings)
    for name in names:
        ranks = {speed.ranks for speed in measured.trainings if speed.task == name}
        if 1 not in ranks or ranks == {1}:
            raise UserError(f"{name} was not measured both with one rank and with several")
    return [TaskStudy(name, measured) for name in names]


def node_counts(measured: Measurements) -> list[int]:
    """Return the numbers of nodes on which ranks averaged gradients with Horovod."""
    return sorted({sweep.nodes for sweep in measured.sweeps if sweep.backend == "horovod"})
