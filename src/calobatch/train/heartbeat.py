"""The place in the training at which a rank is, in memory that its watchdog reads.

The watchdog is another process (watchdog.py), so that it can read this even if no thread of the
rank runs any more.
"""

import mmap
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from enum import IntEnum
from typing import Any, NamedTuple


class Phase(IntEnum):
    """The part of a training that a rank is in. It is not watched before PREPARING."""

    UNWATCHED = 0
    PREPARING = 1
    TRAINING = 2
    VALIDATING = 3
    FINISHING = 4


class Place(NamedTuple):
    """A place in a training. Epochs and steps are counted from 1; 0 means that there is none."""

    phase: Phase
    epoch: int
    step: int

    def __str__(self) -> str:
        """Return for example "step 3 of epoch 2"."""
        return {
            Phase.UNWATCHED: "an unknown place",
            Phase.PREPARING: "the preparation of the first step",
            Phase.TRAINING: f"step {self.step} of epoch {self.epoch}",
            Phase.VALIDATING: f"the validation after epoch {self.epoch}",
            Phase.FINISHING: "the end, where all events are scored and the run is written",
        }[self.phase]


class Heartbeat:
    """Numbers that the rank changes whenever it moves: a few tenths of a microsecond each time.

    ``file`` is the descriptor of a file of ``SIZE`` bytes that another process can map too. Without
    one, nobody reads the numbers.
    """

    # Moves so far, whether the rank waits for others, and the phase, epoch and step it is in.
    SIZE = 5 * 8

    def __init__(self, file: int = -1) -> None:
        self.numbers = memoryview(mmap.mmap(file, self.SIZE)).cast("q")

    def at(self, phase: Phase, epoch: int = 0, step: int = 0) -> None:
        """Record that the rank has arrived at a place."""
        self.numbers[2], self.numbers[3], self.numbers[4] = phase, epoch, step
        self.numbers[0] += 1

    def move(self) -> None:
        """Record that the rank has moved within its place, for example to another batch."""
        self.numbers[0] += 1

    @contextmanager
    def waiting(self) -> Iterator[None]:
        """Mark the time in which the rank waits for the others."""
        self.numbers[1] = 1
        try:
            yield
        finally:
            self.numbers[1] = 0
            self.numbers[0] += 1

    @property
    def moves(self) -> int:
        """How often the rank has moved."""
        return self.numbers[0]

    @property
    def waits(self) -> bool:
        """Whether the rank waits for the others."""
        return bool(self.numbers[1])

    @property
    def place(self) -> Place:
        """Where the rank is."""
        return Place(Phase(self.numbers[2]), self.numbers[3], self.numbers[4])

    @contextmanager
    def unless_debugged(self) -> Iterator[None]:
        """Let the first call of ``breakpoint()`` in the block end the watching of this rank."""
        debug = sys.breakpointhook

        def stop_watching(*arguments: Any, **options: Any) -> Any:
            # From now on nothing that this object records can be seen by the watchdog.
            self.numbers[2] = Phase.UNWATCHED
            self.numbers = memoryview(bytearray(self.SIZE)).cast("q")
            return debug(*arguments, **options)

        sys.breakpointhook = stop_watching
        try:
            yield
        finally:
            sys.breakpointhook = debug
