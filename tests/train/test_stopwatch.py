import time

import pytest
import torch

from calobatch.run.training import PHASES
from calobatch.train.stopwatch import Stopwatch, no_seconds


def test_laps_add_up_to_the_time_since_the_start():
    stopwatch = Stopwatch(torch.device("cpu"))
    time.sleep(0.02)
    stopwatch.start()
    begun = time.perf_counter()
    for _ in range(3):
        for phase in PHASES:
            time.sleep(0.002)
            stopwatch.lap(phase)
    passed = time.perf_counter() - begun
    read = stopwatch.read()
    assert sum(read.values()) == pytest.approx(passed, abs=2e-3)
    assert all(seconds >= 0.006 for seconds in read.values())


def test_a_reading_starts_again_from_zero():
    stopwatch = Stopwatch(torch.device("cpu"))
    stopwatch.lap("data")
    first = stopwatch.read()
    assert first["data"] > 0
    assert stopwatch.read() == no_seconds()
