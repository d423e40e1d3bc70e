"""The measure of all rows: works take turns, the first rounds do not count, medians are compared.

Taking turns, what slows the machine for a while slows all of them; a ratio is taken within a round.
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
    """What a value should be: at least ``bound``, or at most."""

    bound: float
    at_most: bool = False

    def reached(self, value: float) -> bool:
        """Return whether ``value`` is what it should be."""
        return value <= self.bound if self.at_most else value >= self.bound

    def share(self, value: float) -> float:
        """Return 1 where the goal is just reached and more where it is passed, either way.

        Nothing passes a limit more than a hundred times, not even a value of zero or below.
        """
        if self.at_most:
            return self.bound / max(value, self.bound / 100)
        return value / self.bound

    def __str__(self) -> str:
        return f"{'<=' if self.at_most else '>='} {self.bound:g}"


@dataclass(frozen=True)
class Row:
    """A line of the table. ``ours`` and ``theirs`` are medians in ``unit``.

    ``value`` is what the goal is about, as a rule the ratio ours / theirs, with its ``low``est and
    ``high``est of all rounds; ``value_unit`` is "x" for a ratio.
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
        """Whether the goal is reached; None where there is none."""
        return None if self.goal is None else self.goal.reached(self.value)

    def as_json(self) -> dict[str, Any]:
        """Return what results.json has of it."""
        return asdict(self) | {"reached": self.reached}


@dataclass(frozen=True)
class Skipped:
    """A line of the table that was not measured, and why; ``failed`` if it should have been."""

    what: str
    reason: str
    failed: bool = False

    def as_json(self) -> dict[str, Any]:
        """Return what results.json has of it."""
        return asdict(self)


def take_turns(
    label: str,
    works: Mapping[str, Callable[[], Result]],
    repeats: int = REPEATS,
    warm_up: int = WARM_UP_ROUNDS,
) -> dict[str, list[Result]]:
    """Return what each of ``works`` returned in each of ``repeats`` rounds.

    Before them come ``warm_up`` rounds that do not count. Every other round goes backwards, so that
    none always comes after the same one.
    """
    results: dict[str, list[Result]] = {name: [] for name in works}
    for number in range(warm_up + repeats):
        names = list(works) if number % 2 == 0 else list(reversed(works))
        for name in names:
            say(f"{label}: {name}, {_round_name(number, repeats, warm_up)}")
            results[name].append(works[name]())
    return {name: values[warm_up:] for name, values in results.items()}


def seconds(work: Callable[[], object]) -> Callable[[], float]:
    """Return a work that does ``work`` and returns the seconds that it took."""

    def timed() -> float:
        begun = time.perf_counter()
        work()
        return time.perf_counter() - begun

    return timed


def rate(work: Callable[[], object], events: int) -> Callable[[], float]:
    """Return a work that does ``work`` on ``events`` events and returns events/s."""
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
    """Return the row of the ratio ours / theirs, taken round by round."""
    ratios = [mine / peers for mine, peers in zip(ours, theirs, strict=True)]
    value, low, high = spread(ratios)
    medians = statistics.median(ours), statistics.median(theirs)
    return Row(what, against, unit, *medians, value, low, high, goal, note=note)


def absolute(what: str, against: str, unit: str, values: Sequence[float], goal: Goal | None) -> Row:
    """Return the row of a quantity that is held to a limit by itself."""
    value, low, high = spread(values)
    return Row(what, against, unit, value, None, value, low, high, goal, value_unit=unit)


def spread(values: Sequence[float]) -> tuple[float, float, float]:
    """Return median, least and greatest."""
    return statistics.median(values), min(values), max(values)


def say(line: str) -> None:
    """Tell on stderr what is being done."""
    print(f"  {line}", file=sys.stderr, flush=True)


def _round_name(number: int, repeats: int, warm_up: int) -> str:
    if number < warm_up:
        return "warm-up"
    return f"{number - warm_up + 1} of {repeats}"
