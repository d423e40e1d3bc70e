"""A wish to stop (walltime, preemption, a user's kill), on which all ranks agree at one step.

SLURM tells of the end by a signal. It may reach the ranks at different steps; a rank that left
alone would leave the others waiting for it.
"""

import signal
import time
from types import FrameType, TracebackType
from typing import Self

import numpy as np

from calobatch.communicator.interface import Communicator

SIGNALS = (signal.SIGTERM, signal.SIGUSR1)
# Often enough to leave in time, rarely enough to cost nothing: a vote takes some milliseconds.
SECONDS_BETWEEN_VOTES = 1.0


class StopRequest:
    """Notes the signals that ask to stop while its block runs."""

    def __init__(self, communicator: Communicator) -> None:
        self.communicator = communicator
        self.received = ""
        self.steps_to_vote = 1
        self.steps_between_votes = 1
        self.last_vote = time.monotonic()

    def agreed(self) -> bool:
        """Return whether any rank was asked to stop. All ranks call this after every step."""
        self.steps_to_vote -= 1
        if self.steps_to_vote > 0:
            return False
        votes, next_vote = self.communicator.allreduce(
            np.array([bool(self.received), self._steps_to_next_vote()], dtype=np.float64)
        )
        self.steps_to_vote = self.steps_between_votes = int(next_vote)
        return bool(votes > 0)

    def _steps_to_next_vote(self) -> int:
        """Return rank 0's choice, and 0 on the others: their sum is the same on all."""
        now = time.monotonic()
        seconds_a_step = max(now - self.last_vote, 1e-6) / self.steps_between_votes
        self.last_vote = now
        chosen = max(int(SECONDS_BETWEEN_VOTES / seconds_a_step), 1)
        return chosen if self.communicator.rank == 0 else 0

    def __enter__(self) -> Self:
        self.previous = {number: signal.signal(number, self._note) for number in SIGNALS}
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
