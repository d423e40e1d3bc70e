"""Compare how calobatch waits for other ranks with how Horovod does: speed, and the core it takes.

Two ranks run this file as a program. They sum a message of the size of small gradients, and then
rank 0 waits for rank 1, which sleeps.
"""

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator

from benchmarks.comparison import Goal, Row, compare, take_turns
from benchmarks.inputs import Inputs
from benchmarks.paths import CALOBATCH, PYTHON
from benchmarks.workload import Workload
from calobatch.checkout import CHECKOUT

# As many bytes as the gradients of 100,000 parameters.
BYTES = 400_000
ROUNDS = 300
SECONDS_ASLEEP = 3.0
WAITS = ("calobatch", "horovod")


def rows(workload: Workload, inputs: Inputs) -> Iterator[Row]:
    """Yield one row for the time of a sum, and one for the core that a waiting rank takes."""
    took = take_turns("wait", {wait: _measured(wait) for wait in WAITS}, workload.repeats)
    ours, theirs = (took[wait] for wait in WAITS)
    against = "hvd.synchronize"
    yield compare(
        "sum of 400 kB over 2 ranks",
        against,
        [one["milliseconds"] for one in ours],
        [one["milliseconds"] for one in theirs],
        Goal(1.1, at_most=True),
        unit="ms",
    )
    yield compare(
        f"share of a core taken by a rank that waits {SECONDS_ASLEEP:g} s",
        against,
        [one["core"] for one in ours],
        [one["core"] for one in theirs],
        Goal(0.5, at_most=True),
        unit="cores",
    )


def _measured(wait: str) -> Callable[[], dict[str, float]]:
    def run() -> dict[str, float]:
        command = [CALOBATCH, "launch", "-n", "2", PYTHON, "-m", "benchmarks.wait", wait]
        answer = subprocess.run(
            list(map(str, command)), cwd=CHECKOUT, check=True, capture_output=True, text=True
        )
        found: dict[str, float] = json.loads(answer.stdout.strip().splitlines()[-1])
        return found

    return run


def rank(wait: str) -> None:
    """Measure as one of the ranks; rank 0 prints the result."""
    import horovod.torch as hvd
    import numpy as np
    import torch

    from calobatch.communicator import horovod
    from calobatch.communicator.device import choose_device
    from calobatch.communicator.placement import placement
    from calobatch.communicator.probe import median_seconds, message

    if wait == "horovod":
        horovod._finished = hvd.synchronize
    place = placement()
    device = choose_device(place, "cpu")
    communicator = horovod.HorovodCommunicator(place, device)
    seconds = median_seconds(message(BYTES, communicator, torch.device("cpu")), ROUNDS)
    communicator.allreduce(np.ones(1))
    if place.rank == 1:
        time.sleep(SECONDS_ASLEEP)
    begun, used = time.monotonic(), time.process_time()
    communicator.allreduce(np.ones(1))
    core = (time.process_time() - used) / (time.monotonic() - begun)
    if place.rank == 0:
        print(json.dumps({"milliseconds": 1000 * seconds, "core": core}), flush=True)
    communicator.close()


if __name__ == "__main__":
    rank(sys.argv[1])
