"""The meeting of the ranks: each checks in at rank 0 before any of them connects to the others.

Ranks may start minutes apart: a node copies a cold image, or a shared file system is slow. The back
ends also wait for late ranks, but they do not say which rank is missing, and Horovod ends in an
abort of its C++ code. After the meeting no rank has to wait for another that has not started.
"""

import os
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Protocol

from calobatch.communicator.placement import Placement
from calobatch.communicator.rendezvous import Rendezvous, serve
from calobatch.errors import JobError, UserError

# Horovod's own variable, which the user may set. The limit holds for every back end.
LIMIT_VARIABLE = "HOROVOD_GLOO_TIMEOUT_SECONDS"
LIMIT_SECONDS = 600
# A node refuses connections until rank 0 has started on it, which may take long. Any other error
# that lasts (no route, unknown name, no answer) means that the network does not lead there.
UNREACHABLE_SECONDS = 45.0
SECONDS_WITHOUT_A_LINE = 30.0
# All ranks together ask rank 0 at this rate at most, so that many ranks do not overload it.
QUESTIONS_PER_SECOND = 200
SHORTEST_PAUSE_SECONDS = 0.1
# Rank 0 names the ranks that are missing; the other ranks give it time to do so.
SECONDS_FOR_RANK_0 = 60.0
ALL_ARE_THERE = "all"


class Board(Protocol):
    """What rank 0 keeps for all ranks: the names that were put on it.

    Both methods raise an OSError if rank 0 does not answer.
    """

    def put(self, name: str) -> bool:
        """Put ``name`` on the board, and return whether rank 0 has accepted it."""

    def has(self, name: str) -> bool:
        """Return whether ``name`` is on the board."""


def limit_seconds(environment: Mapping[str, str] = os.environ) -> int:
    """Return the number of seconds that the ranks wait for each other.

    Raises a UserError if the user's variable is not a positive number.
    """
    text = environment.get(LIMIT_VARIABLE, "") or str(LIMIT_SECONDS)
    if not (text.isascii() and text.isdigit() and int(text)):
        raise UserError(
            f"{LIMIT_VARIABLE} is {text!r}; set it to a whole number of seconds, or unset it"
        )
    return int(text)


def meet_at_rank_0(place: Placement, limit: float) -> Rendezvous:
    """Return the rendezvous that rank 0 serves, when all ranks have come to it.

    Raises a JobError if that takes more than ``limit`` seconds, and earlier if rank 0 cannot be
    reached.
    """
    found = serve(place) if place.rank == 0 else find_rank_0(place, Rendezvous(place).find, limit)
    rendezvous = Rendezvous(found)
    meet(found, rendezvous, limit)
    return rendezvous


def find_rank_0(place: Placement, find: Callable[[], str | None], limit: float) -> Placement:
    """Wait until ``find`` returns the numeric address of rank 0, and return the place with it.

    Raises a JobError if it does not within ``limit`` seconds, and earlier if it is unreachable.
    """
    # On each node one rank reports for all.
    speaks = place.local_rank == (1 if place.node == 0 else 0)
    address: str | None = None

    def found() -> bool:
        nonlocal address
        address = find()
        return address is not None

    _wait(found, place, limit, lambda: "rank 0", speaks=speaks)
    return replace(place, address=address or place.address)


def meet(place: Placement, board: Board, limit: float) -> None:
    """Return when all ranks have called this function; rank 0 must be reachable.

    Raises a JobError if that takes more than ``limit`` seconds. Rank 0's names the missing ranks.
    """
    if place.size == 1:
        return
    if place.rank == 0:
        missing = set(range(1, place.size))

        def complete() -> bool:
            missing.difference_update([rank for rank in missing if board.has(str(rank))])
            return not missing and board.put(ALL_ARE_THERE)

        _wait(complete, place, limit, lambda: _named(missing), speaks=True)
        return
    _wait(lambda: board.put(str(place.rank)), place, limit, lambda: "rank 0", speaks=False)
    _wait(
        lambda: board.has(ALL_ARE_THERE),
        place,
        limit + SECONDS_FOR_RANK_0,
        lambda: "another rank",
        speaks=False,
    )


def _wait(
    done: Callable[[], bool],
    place: Placement,
    limit: float,
    missing: Callable[[], str],
    *,
    speaks: bool,
) -> None:
    """Call ``done`` until it returns True.

    ``missing`` names what is waited for, and ``speaks`` says whether this rank reports a long wait.
    """
    begun = answered = time.monotonic()
    pause = max(SHORTEST_PAUSE_SECONDS, place.size / QUESTIONS_PER_SECOND)
    while True:
        try:
            if done():
                return
            answered = time.monotonic()
        except OSError as error:
            if time.monotonic() - answered > UNREACHABLE_SECONDS:
                raise JobError(
                    f"rank {place.rank} cannot reach rank 0 at {place.address}:{place.port} "
                    f"({error}); see whether rank 0 printed an error, or check the network with "
                    "`calobatch doctor`"
                ) from None
        waited = time.monotonic() - begun
        if waited > limit:
            raise JobError(
                f"{missing()} did not start within {limit:.0f} s; see the lines of the missing "
                f"ranks above, and their nodes (rank {place.rank} waited at "
                f"{place.address}:{place.port}), or allow more time with {LIMIT_VARIABLE}"
            )
        if speaks and waited > SECONDS_WITHOUT_A_LINE:
            speaks = False
            print(
                f"rank {place.rank} waits for {missing()} to start, for at most {limit:.0f} s",
                file=sys.stderr,
                flush=True,
            )
        time.sleep(pause)


def _named(ranks: set[int]) -> str:
    """Return for example "rank 3" or "ranks 1, 2 and 3"."""
    *first, last = map(str, sorted(ranks))
    return f"ranks {', '.join(first)} and {last}" if first else f"rank {last}"
