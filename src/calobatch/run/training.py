"""run.json: everything about a finished training except its history and its predictions."""

from typing import ClassVar

from calobatch.config.models import Training
from calobatch.provenance import Provenance
from calobatch.record import Record

# What a rank's time is divided into.
PHASES = ("data", "compute", "communication")


class Throughput(Record):
    """Speed and resource use since the training last started, over all its ranks.

    ``rank_events_per_second`` has one speed per rank, not counting the time in which the rank
    waited for the others. Seconds are means over the ranks. ``peak_memory_mb`` and
    ``gpu_peak_memory_mb`` (tensors only) are those of the rank that used most. The energy is the
    sum over all GPUs. A quantity that could not be measured is None.
    """

    rank_events_per_second: tuple[float, ...]
    data_seconds: float
    compute_seconds: float
    communication_seconds: float
    peak_memory_mb: float
    gpu_peak_memory_mb: float | None
    gpu_utilisation: float | None
    gpu_energy_joules: float | None

    @property
    def shares(self) -> dict[str, float]:
        """Fraction of the ranks' time that each phase took; all zero if no step was made."""
        seconds = {phase: float(getattr(self, f"{phase}_seconds")) for phase in PHASES}
        total = sum(seconds.values()) or 1.0
        return {phase: value / total for phase, value in seconds.items()}


class RunRecord(Record):
    """A finished training. Times are in seconds since 1970 (UTC)."""

    fix: ClassVar[str] = "train again"

    task: str
    dataset: str
    layout: str
    simulated: bool
    seed: int
    training: Training
    identity: str
    dataset_sha256: str
    source_sha256: dict[str, str]  # by the name of the raw file
    parameters: int
    ranks: int
    device: str
    hosts: tuple[str, ...]
    started: float
    finished: float
    epochs_run: int
    best_epoch: int
    resumed_after_epoch: int  # number of whole epochs that the checkpoint had; 0: not resumed
    resumed_at_step: int  # number of steps of the following epoch that the checkpoint had
    events_per_second: float
    throughput: Throughput
    provenance: Provenance
