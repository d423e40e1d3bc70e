"""What was measured, as a JSON file: how fast ranks average gradients, how fast they train."""

from collections.abc import Sequence
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field

from calobatch.atomic import write_text
from calobatch.errors import reading

MEND = "take it anew with `calobatch launch -n 2 python -m calobatch.plan.sweep`, or name another"


class Measured(BaseModel):
    """A part of the file: unknown keys are errors, values do not change once read."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Message(Measured):
    """One size of message, and the median time in which the ranks averaged it."""

    bytes: int = Field(gt=0)
    seconds: float = Field(gt=0)


class Sweep(Measured):
    """Averages over a range of sizes. ``link_mbit``: what the interface claims, 0 if nothing."""

    ranks: int = Field(gt=1)
    nodes: int = Field(gt=0)
    backend: str
    device: str
    interface: str
    link_mbit: int
    hosts: tuple[str, ...]
    messages: tuple[Message, ...] = Field(min_length=1)


class TrainingSpeed(Measured):
    """The typical speed of one training. ``batch_size`` and ``events_per_second``: of all ranks.

    ``step_events`` is the mean size of a step's batch, the last one of an epoch included.
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
        """Events of a step that one rank has, on average."""
        return self.step_events / self.ranks

    @property
    def step_seconds(self) -> float:
        """Time of a step."""
        return self.step_events / self.events_per_second


class Measurements(Measured):
    """All that was measured on one machine or cluster.

    ``shared_cores``: cores that all ranks share, whatever their node, where nodes are containers of
    one machine; 0 where every rank has cores of its own.
    """

    machine: str = ""
    taken: str = ""
    shared_cores: int = Field(0, ge=0)
    sweeps: tuple[Sweep, ...] = ()
    trainings: tuple[TrainingSpeed, ...] = ()

    def crowding(self, ranks: int) -> float:
        """Return how many ranks share a core."""
        return max(1.0, ranks / self.shared_cores) if self.shared_cores else 1.0

    def write(self, path: Path) -> None:
        """Write the file, whole or not at all."""
        write_text(path, self.model_dump_json(indent=1) + "\n")


def read_measurements(path: Path) -> Measurements:
    """Read what :meth:`Measurements.write` wrote; a UserError if it is something else."""
    with reading(path, MEND):
        return Measurements.model_validate_json(path.read_text(encoding="utf-8"))


def read_all(paths: Sequence[Path]) -> Measurements:
    """Return the sweeps and trainings of several files together."""
    files = [read_measurements(path) for path in paths]
    return Measurements(
        sweeps=tuple(sweep for file in files for sweep in file.sweeps),
        trainings=tuple(training for file in files for training in file.trainings),
    )
