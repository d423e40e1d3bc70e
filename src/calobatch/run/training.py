"""run.json: settings, origin and speed of a finished training."""

from typing import Annotated, ClassVar

from pydantic import BeforeValidator, Field

from calobatch.config.layout_file import by_name
from calobatch.config.training import Training
from calobatch.layouts import Layout
from calobatch.provenance import Provenance
from calobatch.record import Record
from calobatch.run.mark import Mark
from calobatch.run.name import RunName
from calobatch.scalars import ScalarStatistics

# The parts into which a rank divides its time in the training steps. Communication includes the
# time in which it waits for the other ranks.
PHASES = ("data", "compute", "communication")


class Throughput(Record):
    """Speed and resource use since the training last started, over all its ranks.

    Speeds and seconds leave out the first epoch, which warms up, unless it is the only one.
    ``rank_events_per_second`` has one speed per rank, not counting the time in which the rank
    waited for the others. Seconds are means over the ranks. ``peak_memory_mb`` and
    ``gpu_peak_memory_mb`` (tensors only) are those of the rank that used the most.
    ``cores`` is the mean number of cores on which the busiest rank computed, from its first step
    until its last score; None if an older version wrote the record. ``gpu_utilisation`` (0 to 1)
    is the mean over all GPUs, the energy the sum. A quantity that could not be measured is None.
    """

    rank_events_per_second: tuple[float, ...]
    data_seconds: float
    compute_seconds: float
    communication_seconds: float
    peak_memory_mb: float
    gpu_peak_memory_mb: float | None
    gpu_utilisation: float | None
    gpu_energy_joules: float | None
    cores: float | None = Field(None, exclude_if=lambda cores: cores is None)

    @property
    def shares(self) -> dict[str, float]:
        """Fraction of the time in steps that each phase took; all zero if there were no steps."""
        seconds = {phase: float(getattr(self, f"{phase}_seconds")) for phase in PHASES}
        total = sum(seconds.values()) or 1.0
        return {phase: value / total for phase, value in seconds.items()}


class Preparation(Record):
    """What is done to the values of a raw file before the model gets them.

    Pixels whose absolute value is below ``zero_below`` are zero. Scalars are scaled to mean 0 and
    standard deviation 1 with the ``scalars`` of the training split.
    """

    zero_below: float
    scalars: tuple[ScalarStatistics, ...]


class RunRecord(Record):
    """A finished training. Times are in seconds since 1970 (UTC).

    ``events_per_second`` is the speed of all ranks together: the median over all epochs but the
    first, which warms up (unless it is the only one). ``identity`` is a hash of all that determines
    the result (see ``train/identity.py``), and ``code_sha256`` one of the code that the training
    ran (see ``training_code.py``). ``mark`` says if the model that was kept has learned nothing
    (see ``run/mark.py``). Runs of older versions have neither.
    """

    fix: ClassVar[str] = "train again"

    task: str
    dataset: str
    layout: Annotated[Layout, BeforeValidator(by_name)]
    simulated: bool
    seed: int
    # Counted from 1; None if the dataset has no folds.
    fold: int | None = Field(None, exclude_if=lambda fold: fold is None)
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
    # The checksum of the weights that the training started from; empty if they were new.
    start_sha256: str = Field("", exclude_if=lambda sha256: not sha256)
    code_sha256: str = ""
    # None if an older version wrote the record.
    preparation: Preparation | None = None
    # The SHA-256 of each other file of the training; empty if an older version wrote the record.
    files: dict[str, str] = Field(default_factory=dict)

    @property
    def name(self) -> RunName:
        """What tells the run from the others of its scenario."""
        return RunName(self.task, self.seed, self.fold)
