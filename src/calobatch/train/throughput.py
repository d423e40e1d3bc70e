"""How fast a training was, and what its time, memory and energy went to."""

import resource

import torch
from pydantic import BaseModel, ConfigDict

from calobatch.communicator.interface import Communicator
from calobatch.train.gpu_meter import GpuMeter, GpuUse
from calobatch.train.stopwatch import PHASES

KIB_PER_MB = 1e6 / 1024


class Throughput(BaseModel):
    """Of the epochs since the training last started, over all its ranks.

    ``rank_events_per_second``: of each rank, without the time that it waited for the others.
    Seconds are means over ranks, memory is that of the largest rank (GPU: tensors only), energy
    that of all GPUs together. What there is no meter for is None.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

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
        """Share of each phase in the ranks' time; all zero if no step was made."""
        seconds = {phase: float(getattr(self, f"{phase}_seconds")) for phase in PHASES}
        total = sum(seconds.values()) or 1.0
        return {phase: value / total for phase, value in seconds.items()}


class RankThroughput(BaseModel):
    """One rank's part."""

    events: int
    seconds: dict[str, float]
    peak_memory_mb: float
    gpu_peak_memory_mb: float | None
    gpu: GpuUse | None


def throughput(
    events: int,
    seconds: dict[str, float],
    meter: GpuMeter,
    device: torch.device,
    communicator: Communicator,
) -> Throughput:
    """Return the throughput of all ranks, of which this one trained on ``events`` so long."""
    on_gpu = device.type == "cuda"
    mine = RankThroughput(
        events=events,
        seconds=seconds,
        peak_memory_mb=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / KIB_PER_MB,
        gpu_peak_memory_mb=torch.cuda.max_memory_allocated(device) / 1e6 if on_gpu else None,
        gpu=meter.use(),
    )
    ranks = communicator.allgather(mine)
    mean = {phase: sum(rank.seconds[phase] for rank in ranks) / len(ranks) for phase in PHASES}
    gpus = [rank.gpu for rank in ranks if rank.gpu]
    gpu_memory = [rank.gpu_peak_memory_mb for rank in ranks if rank.gpu_peak_memory_mb is not None]
    return Throughput(
        rank_events_per_second=tuple(_speed(rank) for rank in ranks),
        **{f"{phase}_seconds": seconds for phase, seconds in mean.items()},
        peak_memory_mb=max(rank.peak_memory_mb for rank in ranks),
        gpu_peak_memory_mb=max(gpu_memory, default=None),
        gpu_utilisation=sum(gpu.utilisation for gpu in gpus) / len(gpus) if gpus else None,
        gpu_energy_joules=sum(gpu.joules for gpu in gpus) if gpus else None,
    )


def _speed(rank: RankThroughput) -> float:
    own = rank.seconds["data"] + rank.seconds["compute"]
    return rank.events / own if own else 0.0
