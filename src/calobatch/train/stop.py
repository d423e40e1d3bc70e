"""Stop a training on a signal (walltime, preemption, a user's kill) at the same step on all ranks.

SLURM announces the end of a job by a signal, which may reach the ranks at different steps. A rank
that stopped alone would leave the others waiting for it in a sum, so the ranks vote.
"""

import signal
import time
from types import FrameType, TracebackType
from typing import Self

import numpy as np

from calobatch.communicator.interface import Communicator
from calobatch.stop_signals import stop_signals

# Short compared with the notice that SLURM gives, and long compared with a vote, which takes a few
# milliseconds.
SECONDS_BETWEEN_VOTES = 1.0


class StopRequest:
    """Records the signals that ask this rank to stop, during its ``with`` block.

    ``received`` is the name of the last signal that reached this rank, or empty.
    """

    def __init__(self, communicator: Communicator) -> None:
        self.communicator = communicator
        self.received = ""
        self.steps_to_vote = 1
        self.steps_between_votes = 1
        self.last_vote = time.monotonic()

    def agreed(self) -> bool:
        """Return whether any rank was asked to stop; the answer is the same on all ranks.

        All ranks call this after every step. Only some calls take a vote; the others return False.
        """
        self.steps_to_vote -= 1
        if self.steps_to_vote > 0:
            return False
        votes, next_vote = self.communicator.allreduce(
            np.array([bool(self.received), self._steps_to_next_vote()], dtype=np.float64)
        )
        self.steps_to_vote = self.steps_between_votes = int(next_vote)
        return bool(votes > 0)

    def _steps_to_next_vote(self) -> int:
        """Return the number of steps to the next vote on rank 0, and 0 on the other ranks.

        The ranks' clocks differ, and all must vote at the same step. The sum over ranks, which all
        of them get, is rank 0's choice.
        """
        now = time.monotonic()
        seconds_per_step = max(now - self.last_vote, 1e-6) / self.steps_between_votes
        self.last_vote = now
        chosen = max(int(SECONDS_BETWEEN_VOTES / seconds_per_step), 1)
        return chosen if self.communicator.rank == 0 else 0

    def __enter__(self) -> Self:
        self.previous = {number: signal.signal(number, self._note) for number in stop_signals()}
        return self

    def _note(self, number: int, frame: FrameType | None) -> None:
        self.received = signal.Signals(number).name

    def __exit__(
        self,
        exception: type[BaseException] | None,
        value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        for number, handler in self.previous.items():
            signal.signal(number, handler)
