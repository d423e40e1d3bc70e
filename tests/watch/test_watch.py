"""The table of trainings says what their files say."""

import io
import os
import time

import pytest
from rich.console import Console

from calobatch.run.history import write_history
from calobatch.run.trials import WINNER, search_folder
from calobatch.watch.screen import watch
from calobatch.watch.training import State, look
from calobatch.watch.trials import trials_at_work
from tests.run.examples import epoch, metrics, record, scenario
from tests.searched import with_search, write_search

SCENARIO = scenario({}).model_copy(update={"seeds": (1,)})
NAME = record(1).name


@pytest.fixture
def place(tmp_path):
    """The folder of a run, and its log."""
    folder = tmp_path / "results" / NAME.folder
    log = tmp_path / "logs/train" / f"{NAME.folder}.log"
    for made in (folder / "checkpoint", log.parent):
        made.mkdir(parents=True)
    return folder, log


def seen(place, silent_after=60.0, epochs=4):
    folder, log = place
    return look(NAME, folder, log, epochs, silent_after)


def at_work(place, epochs, ago=0.0):
    """Leave what a training leaves that ended an epoch ``ago`` seconds before now."""
    folder, log = place
    log.write_text("train: epoch 1")
    history = folder / "checkpoint/history.jsonl"
    write_history([epoch(number, 0.6) for number in range(1, epochs + 1)], history)
    (folder / ".lock").write_text("process 12 on c1, SLURM job 7")
    for file in (log, history):
        os.utime(file, (time.time() - ago,) * 2)


def finish(place):
    folder, _ = place
    write_history([epoch(1, 0.6), epoch(2, 0.7)], folder / "history.jsonl")
    record(1).write(folder / "run.json")


def test_a_training_that_has_not_started_is_waiting(place):
    assert seen(place).state is State.WAITING


def test_the_first_epoch_has_no_history_yet(place):
    place[1].write_text("train: starting")
    assert (seen(place).state, seen(place).history) == (State.TRAINING, ())
    assert seen(place).seconds_left is None


def test_a_training_at_work_has_its_epochs_and_the_time_that_is_left(place):
    at_work(place, epochs=3)
    found = seen(place, epochs=10)
    assert (found.state, len(found.history)) == (State.TRAINING, 3)
    # An epoch ended every second.
    assert found.seconds_left == pytest.approx(7, abs=0.5)


def test_a_training_without_a_sign_of_life_is_silent_and_its_process_is_named(place):
    at_work(place, epochs=3, ago=300)
    assert seen(place).state is State.SILENT
    assert seen(place, silent_after=600).state is State.TRAINING
    printed = shown(place)
    assert "silent for 5 min" in printed
    assert "it is run by process 12 on c1, SLURM job 7" in printed


def test_a_finished_training_has_its_test_auc_once_it_was_evaluated(place):
    at_work(place, epochs=2)
    finish(place)
    assert seen(place).state is State.TRAINED
    metrics(1).write(place[0] / "metrics.json")
    found = seen(place)
    assert (found.state, found.test_auc) == (State.FINISHED, metrics(1).splits["test"].auc)
    assert len(found.history) == 2


def shown(place, *, terminal=False, width=160, **options):
    root = place[0].parents[2]
    console = Console(file=io.StringIO(), force_terminal=terminal, width=width)
    watch(
        SCENARIO, root / "results", root / "logs",
        **{"every": 0.01, "silent_after": 60.0} | options, console=console,
    )  # fmt: skip
    return console.file.getvalue()


def test_without_a_terminal_the_table_is_printed_once(place):
    at_work(place, epochs=2)
    printed = shown(place)
    assert printed.count(NAME.task) == 1
    assert "1 training" in printed
    assert "0.6000" in printed  # the AUC


def test_a_terminal_of_80_columns_shows_everything(place):
    at_work(place, epochs=2)
    printed = shown(place, width=80)
    for part in (NAME.task, "seed 1", "training", "0.6000", "100"):
        assert part in printed


def test_in_a_terminal_the_table_stays_until_all_have_finished(place, monkeypatch):
    at_work(place, epochs=2)
    looks = []

    def sleep(seconds):
        looks.append(seconds)
        if len(looks) == 3:
            finish(place)
            metrics(1).write(place[0] / "metrics.json")

    monkeypatch.setattr(time, "sleep", sleep)
    printed = shown(place, terminal=True)
    assert len(looks) == 3
    assert "1 finished" in printed


def test_trials_that_were_proposed_are_shown_until_they_have_an_outcome(tmp_path):
    found = with_search(scenario({}))
    results, logs = tmp_path / "results", tmp_path / "logs"
    write_search(found, results)
    assert list(trials_at_work(found, results, logs)) == []
    folder = search_folder(results, "crops")
    (folder / WINNER).unlink()
    (folder / "step3/2.json").unlink()
    (trial,) = trials_at_work(found, results, logs)
    assert (str(trial.name), trial.epochs) == ("crops_trial1 seed 0", 4)
    console = Console(file=io.StringIO(), width=160)
    watch(found, results, logs, every=1.0, silent_after=60.0, once=True, console=console)
    assert "crops_trial1" in console.file.getvalue()
    # It has finished the first round, and its job for the second one waits.
    trial.folder.mkdir()
    write_history([epoch(1, 0.6), epoch(2, 0.7)], trial.folder / "history.jsonl")
    (trial.folder / "run.json").touch()
    console = Console(file=io.StringIO(), width=160)
    watch(found, results, logs, every=1.0, silent_after=60.0, once=True, console=console)
    (line,) = (line for line in console.file.getvalue().splitlines() if "crops_trial1" in line)
    assert "waiting" in line
    (folder / "step3.json").unlink()
    assert list(trials_at_work(found, results, logs)) == []
