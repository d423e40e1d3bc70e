"""The watchdog of a rank: a small process that ends the rank if it hangs.

A rank hangs if it does not move for a long time although it waits for no other rank. Every rank is
watched on its own machine, so no network is needed. The watchdog is a process and not a thread,
because a thread of the rank could not run while the model's C code keeps Python's lock.

The time in which the rank, the watchdog or the machine is stopped (SIGSTOP, a debugger that
attaches to the process, a suspended laptop) does not count. Time in communication does not count
either: there a rank waits for others, whose own watchdogs watch them.
"""

import faulthandler
import os
import select
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from calobatch.train.heartbeat import Heartbeat, Phase, Place

# The first step, the first validation and so on may compile kernels or read cold files.
FIRST_TIME_FACTOR = 3
# The signal that ends a rank. faulthandler handles it in C: it prints the stacks even if no Python
# code can run, and then the process ends as if nothing had handled the signal. Unlike SIGABRT, this
# signal leaves no core file.
SIGNAL = signal.SIGALRM
# After this time a rank that the signal has not ended is killed.
SECONDS_TO_PRINT = 20.0
LONGEST_TICK_SECONDS = 1.0


@contextmanager
def watching(limit_seconds: float | None, rank: int) -> Iterator[Heartbeat]:
    """Watch this process in the block, by the heartbeat that the block gets.

    If it does not move for ``limit_seconds``, one message is printed that says where it is, then
    the Python stacks of all its threads, and the process ends by SIGALRM. None: nothing is watched.
    """
    if limit_seconds is None:
        yield Heartbeat()
        return
    file = os.memfd_create("heartbeat")
    os.ftruncate(file, Heartbeat.SIZE)
    heartbeat = Heartbeat(file)
    # A signal that was ignored by the parent process would still be ignored here.
    before = signal.signal(SIGNAL, signal.SIG_DFL)
    faulthandler.register(SIGNAL, file=sys.stderr, all_threads=True, chain=True)
    # The watchdog ends when its standard input is closed, at the latest by the end of this process.
    # In a session of its own it gets no signal that is meant for the training, such as Ctrl-C.
    watchdog = subprocess.Popen(
        [sys.executable, "-P", "-m", __name__, *map(str, (file, os.getpid(), rank, limit_seconds))],
        stdin=subprocess.PIPE,
        pass_fds=[file],
        start_new_session=True,
    )
    try:
        with heartbeat.unless_debugged():
            yield heartbeat
    finally:
        watchdog.communicate()
        os.close(file)
        faulthandler.unregister(SIGNAL)
        signal.signal(SIGNAL, before)


def main() -> None:
    """Watch the process that has started this one, until it ends or hangs."""
    file, process, rank, limit = (kind(word) for kind, word in zip(
        (int, int, int, float), sys.argv[1:], strict=True
    ))  # fmt: skip
    heartbeat = Heartbeat(file)
    stuck = seconds_stuck(heartbeat, process, limit)
    if not stuck:
        return
    with suppress(OSError):  # nobody may read the log any more
        print(
            f"calobatch train: rank {rank} on {socket.gethostname()} has been in "
            f"{heartbeat.place} for {stuck:.0f} s without progress, and it waits for no other "
            f"rank; it is ended ({SIGNAL.name}). The lines below show where its threads are, the "
            "last call first. If it hangs there, fix that; if it is only slow, raise hang_seconds "
            "of the task. The same command continues from the last checkpoint.",
            file=sys.stderr,
            flush=True,
        )
    with suppress(ProcessLookupError):
        os.kill(process, SIGNAL)
        if not _closed_within(SECONDS_TO_PRINT):
            os.kill(process, signal.SIGKILL)


def seconds_stuck(heartbeat: Heartbeat, process: int, limit: float) -> float:
    """Return how long the process has been stuck once that is too long, or 0 if it has ended."""
    tick = min(LONGEST_TICK_SECONDS, limit / 10)
    moves, stuck, last = -1, 0.0, time.monotonic()
    first: dict[Phase, Place] = {}
    while not _closed_within(tick):
        now = time.monotonic()
        # More than two ticks have passed if this process was stopped or had no core, and then the
        # rank may have had none either.
        passed, last = min(now - last, 2 * tick), now
        place = heartbeat.place
        if heartbeat.moves != moves or heartbeat.waits or place.phase == Phase.UNWATCHED:
            moves, stuck = heartbeat.moves, 0.0
        elif not _is_stopped(process):
            stuck += passed
        is_first = first.setdefault(place.phase, place) == place
        if stuck > limit * (FIRST_TIME_FACTOR if is_first else 1):
            return stuck
    return 0.0


def _closed_within(seconds: float) -> bool:
    """Return whether the process that is watched closes this one's standard input in this time."""
    return bool(select.select([sys.stdin], [], [], seconds)[0])


def _is_stopped(process: int) -> bool:
    """Return whether a process is stopped by a signal or by a debugger."""
    with suppress(OSError):
        # The state is the first word after the name, which is in brackets and may contain others.
        state = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
        return state in ("T", "t")
    return False


if __name__ == "__main__":
    main()
