"""launch: start the ranks of one training on this machine, and stop all of them if one fails.

On a cluster `srun` does this. Horovod's own launcher (horovodrun) needs an ssh server; this one
does not, and it works for every back end.
"""

import ctypes
import math
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from types import FrameType

from calobatch.communicator.placement import Placement
from calobatch.errors import JobError, StoppedError, UserError
from calobatch.own_cores import own_cores
from calobatch.own_gpus import VARIABLE as GPUS_VARIABLE
from calobatch.own_gpus import own_gpus, visible_gpus
from calobatch.stop_signals import SECONDS_TO_LEAVE, stop_signals

# With these variables of the user, OpenMP would pin the threads of every rank to the same cores.
PINNING = {"OMP_PROC_BIND", "OMP_PLACES", "GOMP_CPU_AFFINITY", "KMP_AFFINITY"}
# From <linux/prctl.h>: the signal that the kernel sends to a process when its parent ends.
PR_SET_PDEATHSIG = 1


def launch(command: Sequence[str], ranks: int, device: str = "auto") -> None:
    """Run ``command`` as ``ranks`` processes that know their placement, and wait for all of them.

    Raises a JobError that names the first rank that failed, and stops the others. A rank that exits
    with code 2 has printed what the user can fix, and a rank that exits with 75 that it left a
    checkpoint; the launcher then exits with the same code and prints nothing. It forwards the
    signals that ask a training to stop. If the launcher itself is killed, the kernel kills the
    ranks. Raises a UserError if the program of ``command`` does not exist.

    The ranks run on cores that other launchers of this user do not use, if there are enough. Each
    has a GPU that no other launcher of this user uses, unless ``device`` is "cpu" or there are
    fewer GPUs than ranks.
    """
    if shutil.which(command[0]) is None:
        raise UserError(f"program {command[0]!r} was not found; correct its name, or install it")
    visible = [] if device == "cpu" else visible_gpus()
    with (
        own_gpus(ranks, visible) as gpus,
        own_cores(ranks, sorted(os.sched_getaffinity(0))) as cores,
    ):
        _run(command, cores, gpus)


def _run(command: Sequence[str], cores: Sequence[Sequence[int]], gpus: Sequence[str]) -> None:
    """Run one rank on each element of ``cores``, and wait for all of them.

    All of them see ``gpus``; if there are none, what they see is left as it is.
    """
    ranks, port, secret = len(cores), _free_port(), secrets.token_hex(32)
    places = [
        Placement(
            rank=rank, size=ranks, local_rank=rank, local_size=ranks, port=port, secret=secret
        )
        for rank in range(ranks)
    ]
    seen = {GPUS_VARIABLE: ",".join(gpus)} if gpus else {}
    children = [_start(command, place, cores[place.rank], seen) for place in places]
    deadline = Deadline()

    def forward(number: int, frame: FrameType | None) -> None:
        deadline.start()
        for child in children:
            child.send_signal(number)

    previous = {number: signal.signal(number, forward) for number in stop_signals()}
    try:
        _wait(children, deadline)
    finally:
        # Ranks that have exited are not affected by the signal.
        for child in children:
            child.kill()
            child.wait()
        for number, handler in previous.items():
            signal.signal(number, handler)


def _start(
    command: Sequence[str], place: Placement, cores: Sequence[int], variables: Mapping[str, str]
) -> subprocess.Popen[bytes]:
    # One thread per rank. More threads would compete for the cores, and a different number of
    # threads adds in a different order, which changes the last bits of the results.
    given = {name: value for name, value in os.environ.items() if name not in PINNING}
    environment = given | {"OMP_NUM_THREADS": "1"} | place.as_environment() | dict(variables)
    # Looked up before the fork: between fork and exec only simple calls are safe.
    libc, launcher = ctypes.CDLL(None), os.getpid()

    def begin() -> None:
        os.sched_setaffinity(0, cores)
        libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        # The launcher may have died before the line above; then no signal will come.
        if os.getppid() != launcher:
            os._exit(1)

    return subprocess.Popen(command, env=environment, preexec_fn=begin)


def _free_port() -> int:
    """Return a port that is free now; rank 0 will listen on it."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


class Deadline:
    """The time by which ranks that were asked to stop must have exited; none at first."""

    def __init__(self) -> None:
        self.time = math.inf

    def start(self) -> None:
        """Set the deadline, unless an earlier signal has set it already."""
        self.time = min(self.time, time.monotonic() + SECONDS_TO_LEAVE)

    def passed(self) -> bool:
        """Return whether the deadline has passed."""
        return time.monotonic() > self.time


def _wait(children: list[subprocess.Popen[bytes]], deadline: Deadline) -> None:
    """Wait until all ranks have exited with 0; exit or raise an error as soon as one does not."""
    codes: list[int | None] = [None]
    while None in codes:
        time.sleep(0.05)
        codes = [child.poll() for child in children]
        # These codes come before any other failure: such a rank has printed its reason, and the
        # other ranks fail only because it has left.
        for reported in (UserError.exit_code, StoppedError.exit_code):
            if reported in codes:
                sys.exit(reported)
        for rank, code in enumerate(codes):
            if code:
                raise _failure(rank, code)
        if deadline.passed():
            raise JobError(
                f"the ranks were asked to stop, did not exit within {SECONDS_TO_LEAVE:.0f} s and "
                "were killed; run the same command again to continue from the last checkpoint"
            )


def _failure(rank: int, returncode: int) -> JobError:
    how = (
        f"was killed by {signal.Signals(-returncode).name}"
        if returncode < 0
        else f"failed with exit code {returncode}"
    )
    return JobError(
        f"rank {rank} {how} and the other ranks were stopped; run the same command again to "
        "continue from the last checkpoint"
    )
