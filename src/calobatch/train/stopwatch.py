"""What a rank's time went to: data, compute, communication."""

import time
from collections.abc import Iterable

import torch

from calobatch.train.throughput import PHASES

Seconds = dict[str, float]


class Stopwatch:
    """Adds up the seconds of each phase, one lap after the other.

    A GPU works behind its host: there the laps are those of its stream, read when asked for.
    """

    def __init__(self, device: torch.device) -> None:
        self.device = device
        self.seconds: Seconds = dict.fromkeys(PHASES, 0.0)
        self.laps: list[tuple[str, torch.cuda.Event]] = []
        self.last = time.perf_counter()

    def start(self) -> None:
        """Begin a lap; what went before is nobody's."""
        if self.device.type == "cuda":
            self._mark("")
        self.last = time.perf_counter()

    def lap(self, phase: str) -> None:
        """End a lap, which was of ``phase``, and begin the next."""
        if self.device.type == "cuda":
            self._mark(phase)
            return
        now = time.perf_counter()
        self.seconds[phase] += now - self.last
        self.last = now

    def read(self) -> Seconds:
        """Return the seconds of each phase since the last reading."""
        if self.laps:
            torch.cuda.synchronize(self.device)
            for (_, begun), (phase, ended) in zip(self.laps, self.laps[1:], strict=False):
                if phase:
                    self.seconds[phase] += begun.elapsed_time(ended) / 1000
            self.laps = []
        read, self.seconds = self.seconds, dict.fromkeys(PHASES, 0.0)
        return read

    def _mark(self, phase: str) -> None:
        event = torch.cuda.Event(enable_timing=True)  # type: ignore[no-untyped-call]
        event.record()
        self.laps.append((phase, event))


def added_up(readings: Iterable[Seconds]) -> Seconds:
    """Return the sum of several readings."""
    sums: Seconds = dict.fromkeys(PHASES, 0.0)
    for reading in readings:
        for phase, seconds in reading.items():
            sums[phase] += seconds
    return sums
