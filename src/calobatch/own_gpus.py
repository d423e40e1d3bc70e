"""GPUs for the ranks of one launcher that the ranks of other launchers leave alone.

A workstation runs as many trainings at the same time as its cores allow, and may have fewer GPUs.
Each launcher therefore locks one GPU per rank, as it does with cores (:mod:`calobatch.own_cores`).
On a cluster SLURM assigns GPUs, and nothing of this is used.
"""

import fcntl
import os
import re
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from calobatch.file_lock import lock_folder, locked

VARIABLE = "CUDA_VISIBLE_DEVICES"
DEVICES = Path("/dev")
SECONDS_BETWEEN_LOOKS = 0.5


def visible_gpus(environment: Mapping[str, str] = os.environ, devices: Path = DEVICES) -> list[str]:
    """Return the GPUs that programs may use, each as CUDA_VISIBLE_DEVICES names it."""
    chosen = environment.get(VARIABLE)
    if chosen is None:
        numbers = (re.fullmatch(r"nvidia(\d+)", path.name) for path in devices.glob("nvidia*"))
        return [str(n) for n in range(sum(number is not None for number in numbers))]
    names = [name.strip() for name in chosen.split(",")]
    # CUDA ignores the first name that is none, and all that follow it. SLURM writes "NoDevFiles".
    known = [bool(re.fullmatch(r"\d+|(GPU|MIG)-[\w/-]+", name)) for name in names]
    return names[: known.index(False)] if False in known else names


@contextmanager
def own_gpus(ranks: int, gpus: Sequence[str], folder: Path | None = None) -> Iterator[list[str]]:
    """Yield one GPU per rank, which are locked until the block ends; wait until they are free.

    Yields nothing if there are fewer ``gpus`` than ranks, or if locks do not work here.
    """
    with ExitStack() as locks:
        own: list[str] = []
        if len(gpus) >= ranks:
            try:
                own = _lock_gpus(ranks, gpus, folder or lock_folder(), locks)
            except OSError:
                own = []
        yield own


def _lock_gpus(ranks: int, gpus: Sequence[str], folder: Path, locks: ExitStack) -> list[str]:
    # Launchers stand in a queue. Only the first one takes GPUs, as they become free, so that two
    # launchers never wait for each other.
    with (folder / "choosing_gpus").open("w") as queue:
        fcntl.flock(queue, fcntl.LOCK_EX)
        own: list[str] = []
        said = False
        while True:
            for gpu in gpus:
                if len(own) < ranks and gpu not in own:
                    file = (folder / f"gpu{gpu.replace('/', '_')}").open("w")
                    if locked(file.fileno()):
                        locks.enter_context(file)
                        own.append(gpu)
                    else:
                        file.close()
            if len(own) == ranks:
                return own
            if not said:
                print(
                    f"calobatch launch: waiting for {ranks} of {len(gpus)} GPUs, which other "
                    "trainings on this machine use",
                    file=sys.stderr,
                    flush=True,
                )
                said = True
            time.sleep(SECONDS_BETWEEN_LOOKS)
