"""The model of the scaling study: fits to its measurements, stated networks, and tasks."""

from collections.abc import Iterator
from typing import Any, NamedTuple

from calobatch.checkout import CHECKOUT
from calobatch.errors import UserError
from calobatch.plan.allreduce import Network, fit_network
from calobatch.plan.measurements import Measurements, Sweep, TrainingSpeed
from calobatch.plan.step import BYTES_PER_GRADIENT, Step, fit_compute

# Folder of the study's page, pictures and measurements; the code in benchmarks/scaling writes them.
PAGE_FOLDER = CHECKOUT / "docs/scaling"
MEASURED = PAGE_FOLDER / "measured.json"
# Seconds that Horovod adds: per call, since its cycle is 1 ms on GPUs, and per message over TCP
# with which its ranks agree on what is ready.
CALL, AGREEMENT = 1e-3, 25e-6
# Latency per message in seconds, and bandwidth of the link of a node in Gbit/s.
SPEEDS = {
    "10 Gbit/s Ethernet": (25e-6, 10),
    "100 Gbit/s (HDR100)": (5e-6, 100),
    "400 Gbit/s (NDR)": (5e-6, 400),
}
STATED = {
    name: Network(CALL, latency, 8e-9 / gigabit, "ring", AGREEMENT)
    for name, (latency, gigabit) in SPEEDS.items()
}
# Changes to a network: Horovod at worst, Horovod at best, and torch.distributed, which does not
# wait for a cycle and whose ranks need not agree on what is ready.
WAYS: tuple[dict[str, Any], ...] = (
    {"algorithm": "ring"},
    {"algorithm": "tree"},
    {"algorithm": "tree", "call": 0.0, "agreement": 0.0},
)
# Assumed speed of a GPU relative to a core. Only the core was measured.
FASTER = 100.0


class Point(NamedTuple):
    """A measured training, with its measured and its predicted efficiency."""

    kind: str  # "strong" or "weak"
    speed: TrainingSpeed
    efficiency: float
    predicted: float

    @property
    def error(self) -> float:
        """Return the relative error of the prediction."""
        return self.predicted / self.efficiency - 1


class TaskStudy:
    """The trainings of one task, and the computing fitted to those with one rank."""

    def __init__(self, name: str, measured: Measurements) -> None:
        self.name, self.measured = name, measured
        self.trainings = [speed for speed in measured.trainings if speed.task == name]
        alone = [speed for speed in self.trainings if speed.ranks == 1]
        self.base = max(alone, key=lambda speed: speed.batch_size)
        self.compute = fit_compute(alone)
        self.gradient_bytes = BYTES_PER_GRADIENT * self.base.parameters

    def step(self, network: Network, slower: float = 1.0) -> Step:
        """Return a step over ``network`` whose computing takes ``slower`` times as long."""
        return Step(self.compute.times(slower), network, self.gradient_bytes)

    def points(self, nodes: int) -> list[Point]:
        """Return the trainings with several ranks on ``nodes`` nodes, with their predictions."""
        network = fit_network(sweeps_of(self.measured, "horovod", nodes))
        points = [
            Point(kind, speed, self.efficiency(speed), self.modelled(network, speed.ranks, kind))
            for speed in self.trainings
            if speed.ranks > 1 and speed.nodes == nodes and (kind := self.kind(speed))
        ]
        return sorted(points, key=lambda point: (point.kind, point.speed.ranks))

    def kind(self, speed: TrainingSpeed) -> str:
        """Return "strong" if the ranks share the batch of one rank, "weak" if each has its own.

        Any other batch is neither, and gives "".
        """
        kinds = {self.base.batch_size: "strong", self.base.batch_size * speed.ranks: "weak"}
        return kinds.get(speed.batch_size, "")

    def efficiency(self, speed: TrainingSpeed) -> float:
        """Return the measured speed divided by the number of ranks times the speed of one rank."""
        return speed.events_per_second / (speed.ranks * self.base.events_per_second)

    def modelled(self, network: Network, ranks: int, kind: str) -> float:
        """Return the predicted efficiency; ranks that share cores compute more slowly."""
        batch = self.base.batch_size * (ranks if kind == "weak" else 1)
        # Efficiency compares with one rank that has a core of its own, so sharing cores slows only
        # the several ranks.
        together = self.step(network, self.measured.crowding(ranks))
        alone = self.step(network).events_per_second(self.base.batch_size, 1)
        return together.events_per_second(batch, ranks) / (ranks * alone)


def sweeps_of(measured: Measurements, backend: str, nodes: int) -> list[Sweep]:
    """Return the sweeps of ``backend`` on ``nodes`` nodes."""
    return [s for s in measured.sweeps if (s.backend, s.nodes) == (backend, nodes)]


def kinds_of_sweeps(measured: Measurements) -> Iterator[tuple[str, int, list[Sweep], Network]]:
    """Yield the back end, the number of nodes, the sweeps and the network fitted to them."""
    for backend, nodes in sorted({(s.backend, s.nodes) for s in measured.sweeps}):
        sweeps = sweeps_of(measured, backend, nodes)
        yield backend, nodes, sweeps, fit_network(sweeps)


def tasks_of(measured: Measurements) -> list[TaskStudy]:
    """Return the tasks in the order of their measurement.

    Raises UserError if a task lacks trainings with one rank or with several.
    """
    names = dict.fromkeys(speed.task for speed in measured.trainings)
    for name in names:
        ranks = {speed.ranks for speed in measured.trainings if speed.task == name}
        if 1 not in ranks or ranks == {1}:
            raise UserError(
                f"{name} lacks trainings with one rank or with several; measure them with `python "
                "-m benchmarks.scaling.campaign`, which continues where it stopped"
            )
    return [TaskStudy(name, measured) for name in names]


def node_counts(measured: Measurements) -> list[int]:
    """Return the numbers of nodes on which ranks averaged gradients with Horovod."""
    return sorted({sweep.nodes for sweep in measured.sweeps if sweep.backend == "horovod"})
