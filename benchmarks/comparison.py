"""Measure a row: works take turns, and each round gives the ratio of two works.

Because the works take turns, anything that slows the machine for a while slows all of them. A work
is a function that runs the code to be measured and returns the result, for example a rate.
"""

import statistics
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, TypeVar

REPEATS = 5
WARM_UP_ROUNDS = 1

Result = TypeVar("Result")


@dataclass(frozen=True)
class Goal:
    """The goal of a value: at least ``bound``, or at most ``bound``."""

    bound: float
    at_most: bool = False

    def reached(self, value: float) -> bool:
        """Return whether ``value`` reaches the goal."""
        return value <= self.bound if self.at_most else value >= self.bound

    def share(self, value: float) -> float:
        """Return the value relative to the goal: 1 if it is just reached, more if it is exceeded.

        For a goal of the kind "at most", the result is capped at 100, since the value may be 0 or
        negative.
        """
        if self.at_most:
            return self.bound / max(value, self.bound / 100)
        return value / self.bound

    def __str__(self) -> str:
        return f"{'<=' if self.at_most else '>='} {self.bound:g}"


@dataclass(frozen=True)
class Row:
    """A line of the table. ``ours`` and ``theirs`` are medians in ``unit``.

    ``value`` is the quantity that has the goal, usually the median of the ratio ours / theirs.
    ``low`` and ``high`` are its lowest and highest value in all rounds. ``value_unit`` is "x" for a
    ratio.
    """

    what: str
    against: str
    unit: str
    ours: float
    theirs: float | None
    value: float
    low: float
    high: float
    goal: Goal | None
    value_unit: str = "x"
    note: str = ""

    @property
    def reached(self) -> bool | None:
        """Return whether the goal is reached, or None if there is no goal."""
        return None if self.goal is None else self.goal.reached(self.value)

    def as_json(self) -> dict[str, Any]:
        """Return the content of results.json for this line."""
        return asdict(self) | {"reached": self.reached}


@dataclass(frozen=True)
class Skipped:
    """A line of the table that was not measured, and the reason. ``failed``: due to an error."""

    what: str
    reason: str
    failed: bool = False

    def as_json(self) -> dict[str, Any]:
        """Return the content of results.json for this line."""
        return asdict(self)


def take_turns(
    label: str,
    works: Mapping[str, Callable[[], Result]],
    repeats: int = REPEATS,
    warm_up: int = WARM_UP_ROUNDS,
) -> dict[str, list[Result]]:
    """Do all ``works`` in each of ``repeats`` rounds; return the results of each work.

    The ``warm_up`` rounds before them do not count. Every other round is in reverse order, so that
    no work always comes after the same one.
    """
    results: dict[str, list[Result]] = {name: [] for name in works}
    for number in range(warm_up + repeats):
        names = list(works) if number % 2 == 0 else list(works)[::-1]
        for name in names:
            say(f"{label}: {name}, {_round_name(number, repeats, warm_up)}")
            results[name].append(works[name]())
    return {name: values[warm_up:] for name, values in results.items()}


def seconds(work: Callable[[], object]) -> Callable[[], float]:
    """Return a work that does ``work`` and returns its duration in seconds."""

    def timed() -> float:
        begun = time.perf_counter()
        work()
        return time.perf_counter() - begun

    return timed


def rate(work: Callable[[], object], events: int) -> Callable[[], float]:
    """Return a work that does ``work``, on ``events`` events, and returns its events/s."""
    timed = seconds(work)
    return lambda: events / timed()


def compare(
    what: str,
    against: str,
    ours: Sequence[float],
    theirs: Sequence[float],
    goal: Goal | None,
    *,
    unit: str = "events/s",
    note: str = "",
) -> Row:
    """Return the row of the ratio ours / theirs, taken per round."""
    ratios = [mine / peers for mine, peers in zip(ours, theirs, strict=True)]
    value, low, high = spread(ratios)
    medians = statistics.median(ours), statistics.median(theirs)
    return Row(what, against, unit, *medians, value, low, high, goal, note=note)


def absolute(what: str, against: str, unit: str, values: Sequence[float], goal: Goal | None) -> Row:
    """Return the row of a quantity that is compared with a limit, not with a peer."""
    value, low, high = spread(values)
    return Row(what, against, unit, value, None, value, low, high, goal, value_unit=unit)


def spread(values: Sequence[float]) -> tuple[float, float, float]:
    """Return the median, the lowest and the highest value."""
    return statistics.median(values), min(values), max(values)


def say(line: str) -> None:
    """Print on stderr what is being done."""
    print(f"  {line}", file=sys.stderr, flush=True)


def _round_name(number: int, repeats: int, warm_up: int) -> str:
    if number < warm_up:
        return "warm-up"
    return f"{number - warm_up + 1} of {repeats}"
