"""The JSON file of measurements: how fast ranks average gradients, and how fast they train."""

from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

from pydantic import ConfigDict, Field

from calobatch.record import Record


class Measured(Record):
    """A part of the file, in which every number is finite."""

    model_config = ConfigDict(allow_inf_nan=False)
    fix: ClassVar[str] = (
        "name another file, or measure again with "
        "`calobatch launch -n 2 python -m calobatch.plan.sweep horovod auto FILE`"
    )


class Message(Measured):
    """The size of a message, and the median time that the ranks needed to average it."""

    bytes: int = Field(gt=0)
    seconds: float = Field(gt=0)


class Sweep(Measured):
    """Times to average messages of several sizes, measured in one start of the ranks.

    ``link_mbit``: the speed that the network interface claims, or 0 if it claims none.
    """

    ranks: int = Field(gt=1)
    nodes: int = Field(gt=0)
    backend: str
    device: str
    interface: str
    link_mbit: int
    hosts: tuple[str, ...]
    messages: tuple[Message, ...] = Field(min_length=1)


class TrainingSpeed(Measured):
    """The typical speed of one training.

    ``batch_size`` and ``events_per_second`` are those of all ranks together. ``step_events`` is the
    mean number of events per step; it is below ``batch_size`` if an epoch ends with an incomplete
    batch.
    """

    task: str
    ranks: int = Field(gt=0)
    nodes: int = Field(gt=0)
    batch_size: int = Field(gt=0)
    step_events: float = Field(gt=0)
    events: int = Field(gt=0)
    epochs: int = Field(gt=0)
    parameters: int = Field(gt=0)
    events_per_second: float = Field(gt=0)
    device: str
    hosts: tuple[str, ...]

    @property
    def local_batch(self) -> float:
        """Return the mean number of events per step and rank."""
        return self.step_events / self.ranks

    @property
    def step_seconds(self) -> float:
        """Return the seconds per step."""
        return self.step_events / self.events_per_second


class Measurements(Measured):
    """All measurements of one machine or cluster.

    ``taken`` is the date. ``shared_cores``: number of cores that all ranks share, if the nodes are
    containers on one machine; 0 if every rank has its own cores.
    """

    machine: str = ""
    taken: str = ""
    shared_cores: int = Field(0, ge=0)
    sweeps: tuple[Sweep, ...] = ()
    trainings: tuple[TrainingSpeed, ...] = ()

    def crowding(self, ranks: int) -> float:
        """Return the number of ranks per core, at least 1."""
        return max(1.0, ranks / self.shared_cores) if self.shared_cores else 1.0


def read_all(paths: Sequence[Path]) -> Measurements:
    """Return the sweeps and trainings of all files, joined."""
    files = [Measurements.read(path) for path in paths]
    return Measurements(
        sweeps=tuple(sweep for file in files for sweep in file.sweeps),
        trainings=tuple(training for file in files for training in file.trainings),
    )
