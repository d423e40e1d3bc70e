"""The search for hyperparameters of a task: which keys, in which ranges, with how many trainings.

The number of trials is fixed, so that the whole DAG is known before the first training. The search
goes in steps, each of which proposes settings from what earlier steps have found.
"""

import itertools
import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Any, NamedTuple

from pydantic import BeforeValidator, Field, ValidationError, model_validator

from calobatch.config.dataset import Seed
from calobatch.config.explain import closest_to, explained
from calobatch.config.section import Section, refuse_bool, unit
from calobatch.config.training import Cosine, Training
from calobatch.words import counted

# Whole numbers stay whole: of a model's option, they say that it is one.
Bound = Annotated[int | float, BeforeValidator(refuse_bool)]
Value = bool | int | float | str | None

OPTIONS = "model_options"
# Keys of a training that a search does not change, with the reason.
SAME_JOB = "all trials are jobs of the same shape"
SAME_DATA = "all trials are compared on the same events"
NOT_SEARCHED = {
    "model": "another model is another task",
    "start_from": "all trials start in the same way",
    "freeze": "all trials start in the same way",
    "training_events": SAME_DATA,
    "epochs": "search.epochs, rounds and factor say how long a trial is trained",
    "grow_batch_with_ranks": SAME_JOB,
    "passes_per_step": SAME_JOB,
    "threads": SAME_JOB,
    "ranks": SAME_JOB,
    "communicator": SAME_JOB,
    "device": SAME_JOB,
}
# The most combinations of the ends of the ranges that are checked.
MOST_CORNERS = 4096


class Range(Section):
    """The values that a key may have: numbers from `low` to `high`, or one of `choices`."""

    low: Bound | None = Field(None, description="smallest number")
    high: Bound | None = Field(None, description="largest number")
    log: bool = Field(
        False, description="draw the logarithm of the number evenly, and not the number itself"
    )
    choices: tuple[Value, ...] = Field((), description="the values, instead of `low` and `high`")

    @model_validator(mode="after")
    def _has_several_values(self) -> "Range":
        if self.choices:
            if self.low is not None or self.high is not None or self.log:
                raise ValueError("choices are values by themselves; remove low, high and log")
            if len(set(self.choices)) < max(len(self.choices), 2):
                raise ValueError(
                    f"choices: {list(self.choices)} must be two or more different values"
                )
            return self
        if self.low is None or self.high is None:
            raise ValueError("needs both low and high, or choices")
        if self.low >= self.high:
            raise ValueError(f"low is {self.low:g}, but high is {self.high:g}; raise high")
        if self.log and self.low <= 0:
            raise ValueError(f"low is {self.low:g}, but log needs more than 0; raise low")
        return self

    @property
    def ends(self) -> tuple[Value, ...]:
        """The values between which all others are; all of them if they are choices."""
        return self.choices or (self.low, self.high)

    def has(self, value: object) -> bool:
        """Return whether a value is in the range."""
        if self.low is None or self.high is None:
            return value in self.choices
        return isinstance(value, int | float) and self.low <= value <= self.high


Ranges = dict[str, Range]


class Request(Section):
    """What a step of a search is asked for, and nothing that its answer does not depend on.

    In the first round it has the settings of the task and the ranges from which new trials get
    their values. In later rounds ``first`` is None: the best trials are trained on.
    """

    trials: int
    epochs: int
    seed: Seed
    first: int | None = None
    training: Training | None = None
    ranges: Ranges = Field({})


class Step(NamedTuple):
    """A number of trials whose settings are proposed at once; steps count from 1.

    In the first round, ``first`` is the number of the first of the ``trials``, and the proposals
    use the outcomes of the steps ``after``. In later rounds ``first`` is None: the best trials of
    the steps ``after`` are trained on, until they have ``epochs``.
    """

    number: int
    round: int
    first: int | None
    trials: int
    epochs: int
    after: tuple[int, ...]

    @property
    def name(self) -> str:
        """The name of its folder and of its file."""
        return f"step{self.number}"


class Search(Section):
    """A search for the best values of some keys of a task. Only validation AUCs decide.

    The trials are trainings of the task on its training split. Their values are proposed by the
    sampler TPE of optuna, `batch` trials at a time, from the validation AUCs of the trials before.
    The first trial has the task's own values if they are in the ranges. With more than one round,
    the best trials are then trained on (successive halving): one in `factor` of them, until it has
    `factor` times as many epochs. The values of the best trial of the last round replace those of
    the task, which is then trained for its own number of epochs with the scenario's seeds.
    """

    trials: int = Field(
        gt=1,
        strict=True,
        description="number of different settings that are tried",
        json_schema_extra=unit("trainings"),
    )
    epochs: int = Field(
        gt=0,
        strict=True,
        description="number of epochs of each trial in the first round",
        json_schema_extra=unit("epochs"),
    )
    batch: int = Field(
        4,
        gt=0,
        strict=True,
        description="number of trials that are proposed at once and can run side by side; the "
        "proposals of smaller batches know more results",
        json_schema_extra=unit("trainings"),
    )
    rounds: int = Field(
        1,
        gt=0,
        strict=True,
        description="number of rounds; after each but the last, the best trials are trained on "
        "(from the first epoch if the schedule is cosine)",
        json_schema_extra=unit("rounds"),
    )
    factor: int = Field(
        3,
        gt=1,
        strict=True,
        description="one in this number of trials goes on to the next round, for this number of "
        "times as many epochs",
    )
    seed: Seed = Field(
        0, description="seed of all trials and proposals; must not be one of the scenario's seeds"
    )
    ranges: Ranges = Field(
        min_length=1,
        description="the keys to search, each with its range: "
        "keys of the task such as `learning_rate` and `augmentation.shift`, and keywords of the "
        "model such as `model_options.width`, which are whole numbers if both ends are",
    )

    @model_validator(mode="after")
    def _rounds_decide(self) -> "Search":
        left = [self.trials]
        for _ in range(1, self.rounds):
            if left[-1] == 1:
                raise ValueError(
                    f"rounds is {self.rounds}, but after round {len(left) - 1} only one of the "
                    f"{self.trials} trials is left; lower rounds or factor, or raise trials"
                )
            left.append(_divided(left[-1], self.factor))
        return self

    @property
    def steps(self) -> tuple[Step, ...]:
        """All steps of the search, in their order."""
        steps: list[Step] = []
        for first in range(1, self.trials + 1, self.batch):
            size = min(self.batch, self.trials + 1 - first)
            before = tuple(step.number for step in steps)
            steps.append(Step(len(steps) + 1, 1, first, size, self.epochs, before))
        for number in range(2, self.rounds + 1):
            size = _divided(sum(step.trials for step in _of_round(steps, number - 1)), self.factor)
            after = tuple(step.number for step in _of_round(steps, number - 1))
            epochs = self.epochs * self.factor ** (number - 1)
            steps.append(Step(len(steps) + 1, number, None, size, epochs, after))
        return tuple(steps)

    @property
    def last(self) -> tuple[Step, ...]:
        """The steps of the last round, one of whose trials wins."""
        return tuple(_of_round(self.steps, self.rounds))

    def total_epochs(self, training: Training) -> int:
        """Return how many epochs all trials of a task with these settings train together."""
        total = 0
        for step in self.steps:
            continued = step.round > 1 and not isinstance(training.schedule, Cosine)
            trained = step.epochs // self.factor if continued else 0
            total += step.trials * (step.epochs - trained)
        return total

    def request(self, step: Step, training: Training) -> Request:
        """Return what a step is asked for; ``training`` are the task's own settings."""
        if step.first is None:
            return Request(trials=step.trials, epochs=step.epochs, seed=self.seed)
        return Request(
            trials=step.trials,
            epochs=step.epochs,
            seed=self.seed,
            first=step.first,
            training=with_values(training, {"epochs": step.epochs}),
            ranges=self.ranges,
        )

    def __str__(self) -> str:
        """Return the budget in words."""
        rounds = itertools.groupby(self.steps, key=lambda step: (step.round, step.epochs))
        words = [
            f"{counted(sum(step.trials for step in steps), 'trial')} to {counted(epochs, 'epoch')}"
            for (_, epochs), steps in rounds
        ]
        return ", then ".join(words)


def _of_round(steps: Sequence[Step], number: int) -> list[Step]:
    return [step for step in steps if step.round == number]


def _divided(number: int, factor: int) -> int:
    """Return one ``factor``-th of a number, rounded up."""
    return -(-number // factor)


def with_values(training: Training, values: Mapping[str, object]) -> Training:
    """Return the settings with other values of some keys; a key may have a dot.

    Raises pydantic's ValidationError if they are no settings of a training.
    """
    return Training.model_validate(_changed(training, values))


def _changed(training: Training, values: Mapping[str, object]) -> dict[str, Any]:
    content = training.model_dump()
    for key, value in values.items():
        *parents, last = key.split(".")
        section = content
        for parent in parents:
            section = section[parent]
        section[last] = value
    return content


def value_of(training: Training, key: str) -> Any:
    """Return the value of a key that may have a dot; None if the model's options do not have it."""
    found: Any = training
    for part in key.split("."):
        found = found.get(part) if isinstance(found, dict) else getattr(found, part)
    return found


def is_whole(training: Training, key: str, found: Range) -> bool:
    """Return whether the values of a key between two numbers are whole numbers."""
    types = _types_of(training, key)
    if types is None:  # an option of a model, whose type is not known here
        return isinstance(found.low, int) and isinstance(found.high, int)
    return float not in types


def check_ranges(training: Training, search: Search) -> None:
    """Raise ValueError if a key cannot be searched, or if a trial would have wrong settings."""
    for key, found in search.ranges.items():
        where = f"search.ranges.{key}"
        if reason := _why_not(training, key):
            raise ValueError(f"{where}: {reason}")
        types = _types_of(training, key)
        if not found.choices and types is not None and not types & {int, float}:
            raise ValueError(f"{where}: {key} is not a number; list its values as choices")
    number = math.prod(_number(training, key, found) for key, found in search.ranges.items())
    if search.trials > number:
        raise ValueError(
            f"search.trials is {search.trials}, but the ranges have only {number:g} combinations "
            "of values; lower trials, or widen the ranges"
        )
    shortest = min(search.epochs, training.epochs)
    for values in _corners(search.ranges):
        named = ", ".join(f"{key} {value}" for key, value in values.items())
        _check_settings(training, {**values, "epochs": shortest}, named)
    # The task's own values are those of the keys that are not searched, and of the first trial.
    _check_settings(training, {"epochs": search.epochs}, "the task's own values")
    for key, found in search.ranges.items():
        for choice in found.choices:
            taken = value_of(with_values(training, {key: choice, "epochs": shortest}), key)
            if taken != choice:
                raise ValueError(
                    f"search.ranges.{key}: the choice {choice!r} is text and means {taken!r}; "
                    f"write {taken!r}"
                )


def _check_settings(training: Training, values: Mapping[str, object], named: str) -> None:
    """Raise ValueError if a trial with these values, in words ``named``, would be refused."""
    content = _changed(training, values)
    try:
        Training.model_validate(content)
    except ValidationError as error:
        _, line = explained(error, Training, content)[0]
        epochs = counted(content["epochs"], "epoch")
        raise ValueError(
            f"search.ranges: a training of {epochs} with {named} would be refused ({line}); change "
            "the ranges"
        ) from None


def ends_of_options(training: Training, search: Search) -> list[dict[str, Any]]:
    """Return the model's options at the ends of their ranges; none if they are not searched."""
    ranges = {key: found for key, found in search.ranges.items() if key.startswith(f"{OPTIONS}.")}
    return [_changed(training, values)[OPTIONS] for values in _corners(ranges)] if ranges else []


def _number(training: Training, key: str, found: Range) -> float:
    """Return how many different values a key may have."""
    if found.low is None or found.high is None:
        return len(found.choices)
    return found.high - found.low + 1 if is_whole(training, key, found) else math.inf


def _corners(ranges: Ranges) -> Iterator[dict[str, object]]:
    """Yield every combination of the ends of the ranges, up to MOST_CORNERS of them."""
    combinations = itertools.product(*(found.ends for found in ranges.values()))
    for values in itertools.islice(combinations, MOST_CORNERS):
        yield dict(zip(ranges, values, strict=True))


def _why_not(training: Training, key: str) -> str:
    """Return why a key cannot be searched; empty if it can."""
    name, dot, inside = key.partition(".")
    if name in NOT_SEARCHED:
        return f"cannot be searched, because {NOT_SEARCHED[name]}; remove it"
    known = sorted(set(Training.model_fields) - set(NOT_SEARCHED))
    if name not in known:
        return f"unknown key{closest_to(name, known)}"
    if name == OPTIONS:
        named = dot and "." not in inside
        return "" if named else f"name a keyword of the model, as in {OPTIONS}.width"
    section = getattr(training, name)
    if not isinstance(section, Section):
        return (
            f"{name} is a value and has no key {inside}; remove what follows the dot" if dot else ""
        )
    fields = type(section).model_fields
    if not dot:
        return f"name one of its keys, as in {name}.{next(reversed(fields))}"
    return "" if inside in fields else f"{name} has no key {inside}{closest_to(inside, fields)}"


def _types_of(training: Training, key: str) -> set[Any] | None:
    """Return the types that the values of a key may have; None of a model's option."""
    name, _, inside = key.partition(".")
    if name == OPTIONS:
        return None
    section = type(getattr(training, name)) if inside else Training
    annotation = section.model_fields[inside or name].annotation
    # Inside of a union, a number is an Annotated.
    listed = [annotation, *getattr(annotation, "__args__", ())]
    return {getattr(found, "__origin__", found) for found in listed}
