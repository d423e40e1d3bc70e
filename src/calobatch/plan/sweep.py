"""Measure how long ranks need to add up gradients of several sizes.

    calobatch launch -n 2 python -m calobatch.plan.sweep horovod cpu sweep.json
    srun -N 2 -n 2 calobatch contain train -- python -m calobatch.plan.sweep horovod auto sweep.json

The arguments are the back end, the device ("auto" or "cpu") and the file to write. Unlike
:mod:`calobatch.communicator.probe`, this does not set Horovod's cycle: trainings wait for a cycle
at each step, so the sweep measures with the cycle that trainings have.
"""

import socket
import sys
import time
from pathlib import Path

import torch

from calobatch.communicator.device import choose_device
from calobatch.communicator.interface import Communicator, connect
from calobatch.communicator.placement import Placement, placement
from calobatch.communicator.probe import link_mbit, median_seconds, message
from calobatch.errors import UserError, exiting
from calobatch.plan.measurements import Measurements, Message, Sweep
from calobatch.words import counted

# 8 B to 64 MiB. Large messages have fewer rounds, since they vary less and take longer.
SIZES = tuple(2**power for power in (3, 6, 9, 12, 14, 16, 18, 20, 22, 24, 26))
BYTES_OF_ALL_ROUNDS = 2**28
FEWEST_ROUNDS, MOST_ROUNDS = 8, 50


def main(backend: str, wanted_device: str, output: str) -> None:
    """Measure together with the other ranks; rank 0 writes ``output``.

    Raises UserError if there is only one rank.
    """
    place = placement()
    if place.size < 2:
        raise UserError(
            "a sweep needs at least two ranks, and this is the only one; start two with "
            "`calobatch launch -n 2 python -m calobatch.plan.sweep ...`"
        )
    device = choose_device(place, wanted_device)
    communicator = connect(backend, place, device)
    sweep = measure(communicator, place, device, backend)
    if place.rank == 0:
        machine, taken = socket.gethostname(), time.strftime("%Y-%m-%d")
        Measurements(machine=machine, taken=taken, sweeps=(sweep,)).write(Path(output))
        print(
            f"sweep: {place.size} ranks on {counted(place.nodes, 'node')}, written to {output}",
            file=sys.stderr,
        )
    communicator.close()


def measure(
    communicator: Communicator, place: Placement, device: torch.device, backend: str
) -> Sweep:
    """Return the sweep; the times in it are those of this rank."""
    hosts = communicator.allgather(socket.gethostname())
    times = [(size, _seconds_of_adding_up(size, communicator, device)) for size in SIZES]
    return Sweep(
        ranks=place.size,
        nodes=place.nodes,
        backend=backend,
        device=device.type,
        interface=place.interface,
        link_mbit=link_mbit(place.interface),
        hosts=tuple(sorted(set(hosts))),
        messages=tuple(Message(bytes=size, seconds=time) for size, time in times),
    )


def _seconds_of_adding_up(size: int, communicator: Communicator, device: torch.device) -> float:
    rounds = min(max(BYTES_OF_ALL_ROUNDS // size, FEWEST_ROUNDS), MOST_ROUNDS)
    return median_seconds(message(size, communicator, device), rounds)


if __name__ == "__main__":
    with exiting("sweep"):
        main(*sys.argv[1:])
