"""Measure how much of a rank's time goes to data, to computing and to communication."""

import time

import torch

from calobatch.run.training import PHASES

Seconds = dict[str, float]


def no_seconds() -> Seconds:
    """Return zero seconds for every phase."""
    return dict.fromkeys(PHASES, 0.0)


class Stopwatch:
    """Adds up the seconds of each phase, one lap after the other.

    A GPU works asynchronously: the host only queues kernels, so its clock would not see how long
    they take. With a GPU the laps are therefore measured by events that are queued among the
    kernels. They cost nothing until they are read.
    """

    def __init__(self, device: torch.device) -> None:
        self.device = device
        self.seconds = no_seconds()
        self.laps: list[tuple[str, torch.cuda.Event]] = []
        self.last = time.perf_counter()

    def start(self) -> None:
        """Begin the first lap; the time before it belongs to no phase."""
        if self.device.type == "cuda":
            self._mark("")
        self.last = time.perf_counter()

    def lap(self, phase: str) -> None:
        """End the current lap, add its time to ``phase``, and begin the next lap."""
        if self.device.type == "cuda":
            self._mark(phase)
            return
        now = time.perf_counter()
        self.seconds[phase] += now - self.last
        self.last = now

    def read(self) -> Seconds:
        """Return the seconds of each phase since the last reading. Waits for a GPU to finish."""
        if self.laps:
            torch.cuda.synchronize(self.device)
            for (_, begun), (phase, ended) in zip(self.laps, self.laps[1:], strict=False):
                if phase:  # a lap that `start` ended belongs to no phase
                    self.seconds[phase] += begun.elapsed_time(ended) / 1000
            self.laps = []
        read, self.seconds = self.seconds, no_seconds()
        return read

    def _mark(self, phase: str) -> None:
        event = torch.cuda.Event(enable_timing=True)  # type: ignore[no-untyped-call]
        event.record()
        self.laps.append((phase, event))
