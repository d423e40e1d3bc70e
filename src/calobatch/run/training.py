"""run.json: settings, origin and speed of a finished training."""

from typing import ClassVar

from pydantic import Field

from calobatch.config.models import Training
from calobatch.provenance import Provenance
from calobatch.record import Record
from calobatch.run.mark import Mark

# The parts into which a rank divides its time in the training steps. Communication includes the
# time in which it waits for the other ranks.
PHASES = ("data", "compute", "communication")


class Throughput(Record):
    """Speed and resource use since the training last started, over all its ranks.

    ``rank_events_per_second`` has one speed per rank, not counting the time in which the rank
    waited for the others. Seconds are means over the ranks. ``peak_memory_mb`` and
    ``gpu_peak_memory_mb`` (tensors only) are those of the rank that used the most.
    ``gpu_utilisation`` (0 to 1) is the mean over all GPUs, the energy the sum. A quantity that
    could not be measured is None.
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
        """Fraction of the time in steps that each phase took; all zero if there were no steps."""
        seconds = {phase: float(getattr(self, f"{phase}_seconds")) for phase in PHASES}
        total = sum(seconds.values()) or 1.0
        return {phase: value / total for phase, value in seconds.items()}


class RunRecord(Record):
    """A finished training. Times are in seconds since 1970 (UTC).

    ``events_per_second`` is the speed of all ranks together: the median over all epochs but the
    first, which warms up (unless it is the only one). ``identity`` is a hash of all that determines
    the result (see ``train/identity.py``). ``mark`` says if the model that was kept has learned
    nothing (see ``run/mark.py``); runs of older versions have none.
    """

    fix: ClassVar[str] = "train again"

    task: str
    dataset: str
    layout: str
    simulated: bool
    seed: int
    training: Training
    identity: str
    dataset_sha256: str
    source_sha256: dict[str, str]  # one checksum per raw file, by its name
    parameters: int
    ranks: int
    device: str
    hosts: tuple[str, ...]
    started: float
    finished: float
    epochs_run: int
    best_epoch: int
    # What the checkpoint had that the training was resumed from; both are 0 if it was not resumed.
    resumed_after_epoch: int  # number of finished epochs
    resumed_at_step: int  # number of finished steps of the next epoch
    events_per_second: float
    throughput: Throughput
    provenance: Provenance
    mark: Mark = ""
    # The SHA-256 of each other file of the training; empty if an older version wrote the record.
    files: dict[str, str] = Field(default_factory=dict)
