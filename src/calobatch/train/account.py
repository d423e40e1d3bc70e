"""Account for the time, memory and energy that the ranks of a training use."""

import resource
import time

import torch
from pydantic import BaseModel

from calobatch.communicator.interface import Communicator
from calobatch.run.training import PHASES, Throughput
from calobatch.train.gpu_meter import GpuMeter, GpuUse
from calobatch.train.stopwatch import Seconds, Stopwatch, no_seconds

# On Linux, getrusage reports memory in KiB.
KIB_PER_MB = 1e6 / 1024


class RankThroughput(BaseModel):
    """What one rank contributes to :class:`Throughput`. ``seconds`` has one entry per phase."""

    events: int
    seconds: dict[str, float]
    peak_memory_mb: float
    cores: float
    gpu_peak_memory_mb: float | None
    gpu: GpuUse | None


class Account:
    """Measures this rank. The training loop calls ``stopwatch.lap`` at the end of every phase."""

    def __init__(self, device: torch.device) -> None:
        self.device = device
        self.stopwatch = Stopwatch(device)
        self.meter = GpuMeter(device)
        self.epochs = 0
        self.seconds = no_seconds()
        self.events = 0
        self.clock, self.processor = time.monotonic(), time.process_time()

    def epoch_ended(self, events: int) -> Seconds:
        """Add an epoch in which this rank trained on ``events``; return its seconds per phase."""
        self.meter.sample()
        seconds = self.stopwatch.read()
        # The first epoch warms up: it does not count once there is another one.
        self.epochs += 1
        if self.epochs == 2:
            self.seconds, self.events = no_seconds(), 0
        for phase in PHASES:
            self.seconds[phase] += seconds[phase]
        self.events += events
        return seconds

    def throughput(self, communicator: Communicator) -> Throughput:
        """Return the speed and resource use of all ranks together; every rank calls this."""
        on_gpu = self.device.type == "cuda"
        mine = RankThroughput(
            events=self.events,
            seconds=self.seconds,
            peak_memory_mb=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / KIB_PER_MB,
            # The time of the processor is that of all threads together.
            cores=(time.process_time() - self.processor) / (time.monotonic() - self.clock),
            gpu_peak_memory_mb=torch.cuda.max_memory_allocated(self.device) / 1e6
            if on_gpu
            else None,
            gpu=self.meter.use(),
        )
        ranks = [
            RankThroughput.model_validate(rank)
            for rank in communicator.allgather(mine.model_dump())
        ]
        mean = {phase: sum(rank.seconds[phase] for rank in ranks) / len(ranks) for phase in PHASES}
        gpus = [rank.gpu for rank in ranks if rank.gpu]
        gpu_memory = [
            rank.gpu_peak_memory_mb for rank in ranks if rank.gpu_peak_memory_mb is not None
        ]
        return Throughput(
            rank_events_per_second=tuple(_speed(rank) for rank in ranks),
            **{f"{phase}_seconds": seconds for phase, seconds in mean.items()},
            peak_memory_mb=max(rank.peak_memory_mb for rank in ranks),
            cores=max(rank.cores for rank in ranks),
            gpu_peak_memory_mb=max(gpu_memory, default=None),
            gpu_utilisation=sum(gpu.utilisation for gpu in gpus) / len(gpus) if gpus else None,
            gpu_energy_joules=sum(gpu.joules for gpu in gpus) if gpus else None,
        )


def _speed(rank: RankThroughput) -> float:
    """Return the events per second of a rank, not counting the time that it waited for others."""
    # Communication is left out: a fast rank spends it waiting for a slow one. If it counted, all
    # ranks would look equally fast, and the slow one could not be found.
    own = rank.seconds["data"] + rank.seconds["compute"]
    return rank.events / own if own else 0.0
