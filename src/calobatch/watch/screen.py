"""A table of all trainings of a scenario, which a terminal shows until they have finished."""

import time
from collections.abc import Callable, Sequence
from pathlib import Path

from rich.box import SIMPLE_HEAD
from rich.console import Console, Group
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from calobatch.config.scenario import Scenario
from calobatch.run.leaderboard import FORMATS
from calobatch.run.name import runs_of
from calobatch.watch.training import State, Training, look
from calobatch.watch.trials import AtWork, trials_at_work
from calobatch.words import in_words

STYLES = {
    State.WAITING: "dim",
    State.TRAINING: "cyan",
    State.SILENT: "bold red",
    State.TRAINED: "green",
    State.FINISHED: "green",
}
BAR_WIDTH = 10


def watch(
    scenario: Scenario,
    results: Path,
    logs: Path,
    *,
    every: float,
    silent_after: float,
    once: bool = False,
    console: Console | None = None,
    tell: Callable[[Sequence[Training]], str] | None = None,
) -> None:
    """Show the trainings of a scenario, whose files are in ``results`` and ``logs``.

    Those of searches are shown until they have ended.

    In a terminal the table is redrawn ``every`` seconds until all trainings have finished. With
    ``once``, or where there is no terminal, it is printed once. See :func:`.training.look` for
    ``silent_after``, in seconds. ``tell`` is called with the trainings at each look; what it
    returns is shown below the table.
    """
    console = console or Console()

    def now() -> tuple[list[Training], Group]:
        trainings = [
            look(
                name,
                results / name.folder,
                logs / "train" / f"{name.folder}.log",
                scenario.tasks[name.task].epochs,
                silent_after,
            )
            for name in runs_of(scenario)
        ]
        note = tell(trainings) if tell else ""
        trials = [
            _look_at(trial, silent_after) for trial in trials_at_work(scenario, results, logs)
        ]
        return [*trials, *trainings], screen(scenario.name, [*trials, *trainings], note)

    if once or not console.is_terminal:
        console.print(now()[1])
        return
    with Live(console=console, auto_refresh=False) as live:
        while True:
            trainings, shown = now()
            live.update(shown, refresh=True)
            if all(training.state is State.FINISHED for training in trainings):
                return
            time.sleep(every)


def _look_at(trial: AtWork, silent_after: float) -> Training:
    """Return what a trial is doing. One that has finished an earlier round waits for its job."""
    found = look(trial.name, trial.folder, trial.log, trial.epochs, silent_after)
    if found.state is State.TRAINED and len(found.history) < trial.epochs:
        return found._replace(state=State.WAITING)
    return found


def screen(scenario: str, trainings: Sequence[Training], note: str = "") -> Group:
    """Return the table, and below it a line for each training that is silent, and the ``note``."""
    table = Table(
        title=f"{scenario}: {_summary(trainings)}",
        title_justify="left",
        box=SIMPLE_HEAD,
        collapse_padding=True,
        pad_edge=False,
    )
    # In a narrow terminal, the names of tasks are folded first.
    table.add_column("task", overflow="fold", min_width=12)
    for column in ("run", "state"):
        table.add_column(column, no_wrap=True)
    table.add_column("epochs", no_wrap=True)
    for column in ("best AUC", "test AUC", "events/s", "left"):
        table.add_column(column, justify="right", no_wrap=True)
    for training in trainings:
        table.add_row(*_row(training))
    below = [*map(_silence, _in(State.SILENT, trainings)), *([Text(note)] if note else [])]
    return Group(table, *below)


def _summary(trainings: Sequence[Training]) -> str:
    counts = [(len(_in(state, trainings)), state) for state in State]
    return ", ".join(f"{number} {state}" for number, state in counts if number)


def _in(state: State, trainings: Sequence[Training]) -> list[Training]:
    return [training for training in trainings if training.state is state]


def _row(training: Training) -> list[Text | ProgressBar | str]:
    last = training.history[-1] if training.history else None
    done = len(training.history)
    style = STYLES[training.state]
    at_work = training.state in (State.TRAINING, State.SILENT)
    bar = ProgressBar(training.epochs, done, BAR_WIDTH, complete_style=style)
    left = training.seconds_left
    return [
        training.name.task,
        training.name.number,
        Text(training.state, style),
        bar if at_work else f"{done} of {training.epochs}" if done else "",
        f"{max(epoch.validation_auc for epoch in training.history):.4f}" if last else "",
        # Rounded twice, as `calobatch leaderboard` does, so that both show the same.
        ""
        if training.test_auc is None
        else f"{float(format(training.test_auc, FORMATS['auc'])):.4f}",
        f"{last.events_per_second:,.0f}" if last else "",
        "" if left is None else in_words(left),
    ]


def _silence(training: Training) -> Text:
    by = f"; it is run by {training.holder}" if training.holder else ""
    return Text(
        f"{training.name} has been silent for {in_words(training.silence)}{by}",
        STYLES[State.SILENT],
    )


def _short(auc: float) -> str:
    return f"{float(format(auc, FORMATS['auc'])):.4f}"
