"""Accounts for what the ranks of a training did: their time, memory and energy."""

import resource

import torch
from pydantic import BaseModel

from calobatch.communicator.interface import Communicator
from calobatch.train.gpu_meter import GpuMeter, GpuUse
from calobatch.train.throughput import PHASES, Throughput

KIB_PER_MB = 1e6 / 1024


class RankThroughput(BaseModel):
    """One rank's part."""

    events: int
    seconds: dict[str, float]
    peak_memory_mb: float
    gpu_peak_memory_mb: float | None
    gpu: GpuUse | None


def account(
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
