"""Measure how fast ranks communicate.

Every rank runs `python -m calobatch.communicator.probe BACKEND auto|cpu`. The small message is one
number that is summed over all ranks, as trainings do to agree on whether to stop. The large message
is sent like gradients: between GPUs over NCCL.
"""

import os
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch

from calobatch.communicator.device import choose_device
from calobatch.communicator.interface import Communicator, connect
from calobatch.communicator.placement import Placement, placement
from calobatch.communicator.speed import Speed
from calobatch.errors import JobError, exiting

# Comparable to the gradients of a model with 8 million parameters.
LARGE_BYTES = 32 * 2**20
SMALL_ROUNDS, LARGE_ROUNDS = 200, 5
# Horovod's default. Trainings whose ranks share cores use a longer cycle (horovod.py). A shorter
# cycle gives lower speeds: ranks that look for messages without a pause take the cores from the
# ranks that send them.
CYCLE_MILLISECONDS = "1"


def main(backend: str, wanted_device: str) -> None:
    """Measure together with the other ranks; rank 0 prints the result as one line of JSON."""
    os.environ.setdefault("HOROVOD_CYCLE_TIME", CYCLE_MILLISECONDS)
    place = placement()
    device = choose_device(place, wanted_device)
    communicator = connect(backend, place, device)
    speed = measure(communicator, place, device, backend)
    if place.rank == 0:
        print(speed.as_line(), flush=True)
    communicator.close()


def measure(
    communicator: Communicator, place: Placement, device: torch.device, backend: str
) -> Speed:
    """Return latency and bandwidth; raise a JobError if the sum over the ranks is wrong."""
    one = np.ones(1)
    total = communicator.allreduce(one)[0]
    if total != place.size:
        raise JobError(
            f"the sum of 1 over {place.size} ranks is {total}, so the communicator {backend} does "
            "not work; set another communicator"
        )
    latency = median_seconds(lambda: communicator.allreduce(one), SMALL_ROUNDS)
    large = median_seconds(message(LARGE_BYTES, communicator, device), LARGE_ROUNDS)
    return Speed(
        ranks=place.size,
        nodes=place.nodes,
        backend=backend,
        device=device.type,
        interface=place.interface,
        link_mbit=link_mbit(place.interface),
        latency_us=round(latency * 1e6, 1),
        megabytes_per_second=round(LARGE_BYTES / large / 1e6, 1),
    )


def message(size: int, communicator: Communicator, device: torch.device) -> Callable[[], object]:
    """Return a function that sums ``size`` bytes over all ranks, as is done with gradients."""
    gradients = torch.zeros(size // 4, device=device)

    def send() -> None:
        communicator.sum_tensor(gradients)
        # A GPU works asynchronously: the call above returns before the sum is complete.
        if device.type == "cuda":
            torch.cuda.synchronize(device)

    return send


def median_seconds(work: Callable[[], object], rounds: int) -> float:
    """Return the median duration of ``work`` in seconds.

    ``work`` runs a fifth more often than ``rounds``, and the first runs are ignored, because they
    set up buffers and connections.
    """
    seconds = []
    for _ in range(rounds + rounds // 5):
        begun = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - begun)
    return statistics.median(seconds[-rounds:])


def link_mbit(interface: str) -> int:
    """Return the speed of a network interface in Mbit/s; 0 if the kernel does not know it."""
    try:
        return max(0, int(Path(f"/sys/class/net/{interface}/speed").read_text(encoding="ascii")))
    except (OSError, ValueError):
        return 0


if __name__ == "__main__":
    with exiting("probe"):
        main(*sys.argv[1:])
