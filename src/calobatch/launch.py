"""launch: start the ranks of one training on this machine, and stop all of them if one fails.

On a cluster `srun` takes this place. Its own launcher spares calobatch an ssh server (horovodrun)
and serves every back end alike.
"""

import ctypes
import math
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from types import FrameType

from calobatch.communicator.placement import Placement
from calobatch.errors import JobError, StoppedError, UserError

# What ranks that were asked to stop may take to finish a step and write a checkpoint.
SECONDS_TO_LEAVE = 60.0
SIGNALS_TO_FORWARD = (signal.SIGTERM, signal.SIGUSR1)
PR_SET_PDEATHSIG = 1


def launch(command: Sequence[str], ranks: int) -> None:
    """Run ``command`` as ``ranks`` processes that know their place, and wait for all of them.

    Raises a JobError that names the first rank to fail; the others are stopped. A rank that ends
    with 2 has told the user what to mend, one that ends with 75 that it left a checkpoint: the
    launcher ends likewise, and adds nothing. SIGTERM and SIGUSR1 are passed on to the ranks. If the
    launcher itself dies, the kernel stops the ranks.
    """
    if shutil.which(command[0]) is None:
        raise UserError(f"there is no program {command[0]!r}; correct the name, or install it")
    port = _free_port()
    children = [_start(command, rank, ranks, port) for rank in range(ranks)]
    deadline = Deadline()

    def forward(number: int, frame: FrameType | None) -> None:
        deadline.start()
        for child in children:
            child.send_signal(number)

    previous = {number: signal.signal(number, forward) for number in SIGNALS_TO_FORWARD}
    try:
        _wait(children, deadline)
    finally:
        for child in children:
            child.kill()
            child.wait()
        for number, handler in previous.items():
            signal.signal(number, handler)


def _start(command: Sequence[str], rank: int, ranks: int, port: int) -> subprocess.Popen[bytes]:
    place = Placement(rank=rank, size=ranks, local_rank=rank, local_size=ranks, port=port)
    # One thread a rank: more would fight for the cores, and change the order of sums.
    environment = {**os.environ, "OMP_NUM_THREADS": "1", **place.as_environment()}
    libc, launcher = ctypes.CDLL(None), os.getpid()
    cores = cores_of_rank(rank, ranks, sorted(os.sched_getaffinity(0)))

    def begin() -> None:
        os.sched_setaffinity(0, cores)
        libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != launcher:  # it died before it could be watched
            os._exit(1)

    return subprocess.Popen(command, env=environment, preexec_fn=begin)


def cores_of_rank(rank: int, ranks: int, cores: Sequence[int]) -> Sequence[int]:
    """Return the cores that a rank may use: an equal share, or all where there are too few.

    The threads of a rank, its loader's and its communicator's, then take no core from another's:
    5 to 10 % more events/s for two ranks on two cores.
    """
    share = len(cores) // ranks
    return cores[rank * share : (rank + 1) * share] or cores


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


class Deadline:
    """The time by which ranks that were asked to stop must have left; at first there is none."""

    def __init__(self) -> None:
        self.time = math.inf

    def start(self) -> None:
        """Set the deadline, unless it is set."""
        self.time = min(self.time, time.monotonic() + SECONDS_TO_LEAVE)

    def passed(self) -> bool:
        """Return whether it has passed."""
        return time.monotonic() > self.time


def _wait(children: list[subprocess.Popen[bytes]], deadline: Deadline) -> None:
    codes: list[int | None] = [None]
    while None in codes:
        time.sleep(0.05)
        codes = [child.poll() for child in children]
        for told in (UserError.exit_code, StoppedError.exit_code):
            if told in codes:
                sys.exit(told)
        for rank, code in enumerate(codes):
            if code:
                raise _failure(rank, code)
        if deadline.passed():
            raise JobError(
                f"the ranks were asked to stop and had not left after {SECONDS_TO_LEAVE:.0f} s; "
                "they were killed"
            )


def _failure(rank: int, returncode: int) -> JobError:
    how = (
        f"was killed by {signal.Signals(-returncode).name}"
        if returncode < 0
        else f"failed with exit code {returncode}"
    )
    return JobError(
        f"rank {rank} {how}; the other ranks were stopped. Run the same command again "
        "to go on from the last checkpoint"
    )
