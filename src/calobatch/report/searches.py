"""The search for the settings of a task: its trials as a table, and as a picture."""

from collections.abc import Mapping, Sequence
from itertools import accumulate
from typing import NamedTuple

from markupsafe import Markup
from matplotlib.ticker import MaxNLocator

from calobatch.config.scenario import Task
from calobatch.config.search import value_of
from calobatch.plotting import (
    BLUE,
    GREEN,
    ORANGE,
    PURPLE,
    SKY,
    VERMILLION,
    legend_below,
    new_figure,
)
from calobatch.report.embed import svg
from calobatch.run.trials import Outcome, ranked
from calobatch.store import Store
from calobatch.words import counted

COLOURS = (BLUE, VERMILLION, GREEN, PURPLE, ORANGE, SKY)


class TrialRow(NamedTuple):
    """A trial: the values of the searched keys, and its validation AUC in each of its rounds."""

    number: int
    values: tuple[str, ...]
    aucs: tuple[float, ...]
    failed: str


class SearchPart(NamedTuple):
    """What the page shows of a search. The first of the ``rows`` is the winner."""

    task: str
    budget: str
    seed: int
    keys: tuple[str, ...]
    epochs: tuple[int, ...]
    rows: tuple[TrialRow, ...]
    picture: Markup


def search_part(
    name: str, task: Task, rounds: Sequence[Sequence[Outcome]], stores: Mapping[str, Store]
) -> SearchPart | None:
    """Return the part of the page about the search of a task; None if the task has none.

    The outcomes are by round, and ``stores`` has the packed store of each dataset.
    """
    search = task.search
    if search is None:
        return None
    keys = tuple(search.ranges)
    # Those that came furthest are first.
    order = dict.fromkeys(
        outcome.number for outcomes in reversed(rounds) for outcome in ranked(outcomes)
    )
    return SearchPart(
        task=name,
        budget=str(search),
        seed=search.seed,
        keys=keys,
        epochs=tuple(outcomes[0].epochs for outcomes in rounds),
        rows=tuple(_row(number, keys, rounds) for number in order),
        picture=_draw(name, rounds, simulated=stores[task.dataset].manifest.simulated),
    )


def _row(number: int, keys: Sequence[str], rounds: Sequence[Sequence[Outcome]]) -> TrialRow:
    found = [outcome for outcomes in rounds for outcome in outcomes if outcome.number == number]
    return TrialRow(
        number=number,
        values=tuple(_in_words(value_of(found[0].training, key)) for key in keys),
        aucs=tuple(outcome.best.validation_auc for outcome in found if not outcome.failed),
        failed=found[-1].failed,
    )


def _in_words(value: object) -> str:
    if value is None:
        return "none"
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value:g}" if isinstance(value, int | float) else str(value)


def _draw(name: str, rounds: Sequence[Sequence[Outcome]], *, simulated: bool) -> Markup:
    """Draw the validation AUC of each trial by its number, and the best one so far."""
    figure = new_figure(simulated=simulated, width=5.4, height=4.4)
    axes = figure.add_subplot()
    for number, outcomes in enumerate(rounds):
        good = sorted((o for o in outcomes if not o.failed), key=lambda o: o.number)
        numbers = [outcome.number for outcome in good]
        aucs = [outcome.best.validation_auc for outcome in good]
        colour = COLOURS[number % len(COLOURS)]
        if number == 0:
            best = list(accumulate(aucs, max))
            axes.step(numbers, best, where="post", color=colour, linewidth=1)
        label = f"within {counted(outcomes[0].epochs, 'epoch')}"
        axes.plot(numbers, aucs, "o", color=colour, label=label)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set(xlabel="trial", ylabel="validation AUC")
    legend_below(figure)
    words = f"Validation AUC of the trials of {name}, and the best one so far"
    return svg(figure, f"search-{name}", words)
