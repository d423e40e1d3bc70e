"""Cores for the ranks of one launcher that the ranks of other launchers leave alone.

A launcher locks one core for each of its ranks: a file per core, in a folder of this user. The
kernel releases the locks when the launcher ends, however it ends. Processes that do not ask here,
and those of other users, are not seen.
"""

import fcntl
import os
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from calobatch.file_lock import lock_folder, locked

Cores = Sequence[int]


@contextmanager
def own_cores(ranks: int, cores: Cores, folder: Path | None = None) -> Iterator[list[Cores]]:
    """Yield for each rank the cores that it may use, and lock one of them until the block ends.

    The ranks divide the cores that no other launcher has locked. If there are fewer of these than
    ranks, or if locks do not work here, every rank may use all ``cores``.
    """
    with ExitStack() as locks:
        try:
            free = _lock_free_cores(ranks, cores, folder or lock_folder(), locks)
        except OSError:
            free = []
        yield [cores_of_rank(rank, ranks, free) or cores for rank in range(ranks)]


def cores_of_rank(rank: int, ranks: int, cores: Cores) -> Cores:
    """Return a rank's equal share of the cores; it is empty if there are fewer cores than ranks.

    Besides its computation a rank has threads that make batches and that communicate. On cores of
    its own they do not disturb the other ranks: 5 to 10 % more events per second with two ranks on
    two cores.
    """
    share = len(cores) // ranks
    return cores[rank * share : (rank + 1) * share]


def _lock_free_cores(ranks: int, cores: Cores, folder: Path, locks: ExitStack) -> Cores:
    """Return the cores that are free, and keep a lock of the first core of each rank in ``locks``.

    Keeps no lock if there are too few for the ranks.
    """
    with ExitStack() as others:
        # One launcher at a time: while two try the locks, each would see some of the other's.
        fcntl.flock(others.enter_context((folder / "choosing").open("w")), fcntl.LOCK_EX)
        files = {core: others.enter_context((folder / f"core{core}").open("w")) for core in cores}
        free = [core for core in cores if locked(files[core].fileno())]
        for rank in range(ranks):
            if own := cores_of_rank(rank, ranks, free):
                # A second descriptor keeps the lock when the first one is closed.
                locks.callback(os.close, os.dup(files[own[0]].fileno()))
    return free
