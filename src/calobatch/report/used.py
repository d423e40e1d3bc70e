"""What each training requested from SLURM, and what it used of that."""

from collections.abc import Sequence
from typing import NamedTuple

from calobatch.report.formats import percent
from calobatch.run.folder import RunFolder
from calobatch.run.training import RunRecord
from calobatch.words import joined

# Less than this fraction of a quantity is worth a remark.
LITTLE = 0.5


class Pair(NamedTuple):
    """How much of a quantity was requested and used; each is None if it is unlimited or unknown."""

    asked: float | None
    used: float | None

    @property
    def share(self) -> float | None:
        """The fraction that was used, or None if there is none."""
        return self.used / self.asked if self.asked and self.used is not None else None


class UsedRow(NamedTuple):
    """The last job of a training. Memory and cores are per rank, those of the busiest one.

    ``time`` is in seconds, ``memory`` in MB of 1,000,000 bytes. ``gpus`` is the number of GPUs and
    how many of them, on average, computed.
    """

    record: RunRecord
    time: Pair
    memory: Pair
    cores: Pair
    gpus: Pair

    @property
    def in_words(self) -> str:
        """Which quantities the training used little of."""
        named = {"time": self.time, "memory": self.memory, "cores": self.cores, "GPUs": self.gpus}
        little = [
            f"{percent(pair.share)} of the {name}"
            for name, pair in named.items()
            if pair.share is not None and pair.share < LITTLE
        ]
        if not little:
            return "used at least half of what it requested"
        return f"used only {joined(little)}"


def used_rows(runs: Sequence[RunFolder]) -> list[UsedRow]:
    """Return one row for each training whose allocation by SLURM is known."""
    return [row for run in runs if (row := _row(run.record))]


def _row(record: RunRecord) -> UsedRow | None:
    allocated, used = record.provenance.allocated, record.throughput
    if allocated is None:
        return None
    memory = allocated.memory_mb / record.ranks if allocated.memory_mb else None
    on_gpus = used.gpu_peak_memory_mb is not None
    # SLURM counts GPUs only where its accounting is set up to. Every rank has one of its own.
    gpus = allocated.gpus or (record.ranks if on_gpus else 0)
    busy = None if used.gpu_utilisation is None else gpus * used.gpu_utilisation
    return UsedRow(
        record,
        time=Pair(allocated.seconds, record.finished - allocated.started),
        memory=Pair(memory, used.peak_memory_mb),
        cores=Pair(allocated.cores / record.ranks, used.cores),
        gpus=Pair(gpus, busy),
    )
