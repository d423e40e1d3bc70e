"""launch: start the ranks of one training on this machine, and stop all of them if one fails.

On a cluster `srun` takes this place. Its own launcher spares calobatch an ssh server (horovodrun)
and serves every back end alike.
"""

import ctypes
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
from calobatch.errors import JobError, UserError

SECONDS_TO_LEAVE = 5.0
PR_SET_PDEATHSIG = 1


def launch(command: Sequence[str], ranks: int) -> None:
    """Run ``command`` as ``ranks`` processes that know their place, and wait for all of them.

    Raises a JobError that names the first rank to fail; the others are stopped. A rank that ends
    with 2 has told the user what to mend: the launcher ends with 2 as well, and adds nothing. If
    the launcher itself dies, the kernel stops the ranks.
    """
    if shutil.which(command[0]) is None:
        raise UserError(f"there is no program {command[0]!r}; correct the name, or install it")
    port = _free_port()
    children = [_start(command, rank, ranks, port) for rank in range(ranks)]
    previous = signal.signal(signal.SIGTERM, _stop_on_signal)
    try:
        _wait(children)
    finally:
        _stop(children)
        signal.signal(signal.SIGTERM, previous)


def _start(command: Sequence[str], rank: int, ranks: int, port: int) -> subprocess.Popen[bytes]:
    place = Placement(rank=rank, size=ranks, local_rank=rank, local_size=ranks, port=port)
    # One core a rank: more threads would fight for the cores, and change the order of sums.
    environment = {**os.environ, "OMP_NUM_THREADS": "1", **place.as_environment()}
    libc, launcher = ctypes.CDLL(None), os.getpid()

    def die_with_the_launcher() -> None:
        libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != launcher:  # it died before it could be watched
            os._exit(1)

    return subprocess.Popen(command, env=environment, preexec_fn=die_with_the_launcher)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _wait(children: list[subprocess.Popen[bytes]]) -> None:
    codes: list[int | None] = [None]
    while None in codes:
        time.sleep(0.05)
        codes = [child.poll() for child in children]
        if UserError.exit_code in codes:
            sys.exit(UserError.exit_code)
        for rank, code in enumerate(codes):
            if code:
                raise _failure(rank, code)


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


def _stop(children: list[subprocess.Popen[bytes]]) -> None:
    running = [child for child in children if child.poll() is None]
    for child in running:
        child.terminate()
    deadline = time.monotonic() + SECONDS_TO_LEAVE
    for child in running:
        try:
            child.wait(max(deadline - time.monotonic(), 0))
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()


def _stop_on_signal(number: int, frame: FrameType | None) -> None:
    sys.exit(128 + number)
