"""The verbs of the stages that train: train, and those of a search."""

import argparse
import signal
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, suppress
from functools import partial
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any

from calobatch.errors import StoppedError
from calobatch.stop_signals import stop_signals
from calobatch.verbs.verb import Verb, add_settings

if TYPE_CHECKING:
    from calobatch.config.training import Training


def _train_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("task", help="name of the task, for messages and the record of the run")
    parser.add_argument(
        "--run", type=_run_of_a_task, required=True, metavar="NAME",
        help="seed of the weights and of the order of events, such as seed1; for a store with "
        "folds, also the fold, such as fold2_seed1",
    )  # fmt: skip
    parser.add_argument(
        "--output", type=Path, required=True, metavar="FOLDER", help="folder of the run"
    )
    _add_training(parser)
    add_settings(parser)


def _add_training(parser: argparse.ArgumentParser) -> None:
    """Add the options of every training, those of trials included."""
    parser.add_argument(
        "--store", type=Path, required=True, metavar="FOLDER", help="packed store to train on"
    )
    parser.add_argument(
        "--hang-seconds", type=_seconds_or_never, default=None, metavar="SECONDS",
        help="end this rank if it makes no progress for this time while it is not waiting for "
        "another rank (default: never)",
    )  # fmt: skip


def _run_of_a_task(text: str) -> Any:
    from calobatch.run.name import read_member

    if run := read_member("", text):
        return run
    raise argparse.ArgumentTypeError(f"expected a run such as seed1 or fold2_seed1, found {text}")


def _seconds_or_never(text: str) -> float | None:
    if text == "never":
        return None
    with suppress(ValueError):
        if (seconds := float(text)) > 0:
            return seconds
    raise argparse.ArgumentTypeError(f"expected a positive number or never, found {text}")


def _train(options: argparse.Namespace) -> None:
    with _signals_of_a_training():
        from calobatch.config.explain import validated
        from calobatch.config.training import Training

        settings = validated(Training, options.settings, "--settings")
        run = options.run
        _train_rank(options, options.task, settings, run.seed, options.output, run.fold)


@contextmanager
def _signals_of_a_training() -> Iterator[None]:
    """Let signals stop a training before and after its epochs, and not once it has finished."""
    # The training itself handles these signals only during its epochs. Before that, importing torch
    # and connecting to the other ranks take many seconds.
    for number in stop_signals():
        signal.signal(number, _stop_outside_of_an_epoch)
    yield
    # The run is finished, and a signal in the seconds in which Python ends must not make it fail.
    for number in stop_signals():
        signal.signal(number, signal.SIG_IGN)


def _train_rank(
    options: argparse.Namespace,
    task: str,
    settings: "Training",
    seed: int,
    output: Path,
    fold: int | None = None,
) -> None:
    """Run this rank of a training, with what networks and trees have in common."""
    from calobatch.communicator.placement import placement
    from calobatch.models.blame import blaming_model
    from calobatch.models.build import model_class
    from calobatch.train.only_training import only_training
    from calobatch.train.watchdog import watching

    if getattr(model_class(settings.model), "grows_trees", False):
        # Imported only here, because scikit-learn takes 2 s to import.
        from calobatch.train.fit_trees import fit_trees as train
    else:
        from calobatch.train.train import train
    rank = placement().rank
    alone = only_training(output) if rank == 0 else nullcontext()
    blaming = blaming_model(settings.model, "a batch", in_its_file=True)
    with alone, watching(options.hang_seconds, rank) as heartbeat, blaming:
        train(task, settings, seed, options.store, output, heartbeat, fold=fold)


def _stop_outside_of_an_epoch(number: int, frame: FrameType | None) -> None:
    raise StoppedError(
        f"stopped by {signal.Signals(number).name} outside of an epoch; run the same command again "
        "to continue from the last checkpoint"
    )


def _propose_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("task", help="name of the task that is searched")
    parser.add_argument(
        "outcomes", type=Path, nargs="*", help="outcomes of the trials of the steps before"
    )
    parser.add_argument(
        "--output", type=Path, required=True, metavar="JSON", help="file with the trials to write"
    )
    add_settings(parser)


def _propose(options: argparse.Namespace) -> None:
    from calobatch.config.explain import validated
    from calobatch.config.search import Request
    from calobatch.run.trials import Outcome
    from calobatch.search.propose import propose
    from calobatch.words import counted, joined

    request = validated(Request, options.settings, "--settings")
    outcomes = [Outcome.read(path) for path in options.outcomes]
    proposal = propose(options.task, request, outcomes)
    proposal.write(options.output)
    numbers = joined([str(trial.number) for trial in proposal.trials])
    trials = "trial" if len(proposal.trials) == 1 else "trials"
    epochs = counted(request.epochs, "epoch")
    print(f"propose {options.task}: {trials} {numbers}, each with {epochs} in all")


def _trial_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("proposal", type=Path, help="file that propose has written")
    parser.add_argument("place", type=int, help="place of the trial in it, counted from 1")
    parser.add_argument(
        "--folder", type=Path, required=True, metavar="FOLDER",
        help="folder of the search, in which each trial has a folder for its training",
    )  # fmt: skip
    parser.add_argument(
        "--output", type=Path, required=True, metavar="JSON", help="file with the outcome to write"
    )
    _add_training(parser)


def _trial(options: argparse.Namespace) -> None:
    with _signals_of_a_training():
        from calobatch.communicator.placement import placement
        from calobatch.run.trials import Proposal
        from calobatch.search.trial import trial

        proposal = Proposal.read(options.proposal)
        output = options.output if placement().rank == 0 else None
        train = partial(_train_rank, options)
        trial(proposal, options.place, options.store, options.folder, train, output)


def _choose_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("task", help="name of the task that was searched")
    parser.add_argument("outcomes", type=Path, nargs="+", help="outcomes of the last round")
    parser.add_argument(
        "--epochs", type=int, required=True, help="number of epochs with which the task is trained"
    )
    parser.add_argument(
        "--output", type=Path, required=True, metavar="JSON", help="file with the settings to write"
    )


def _choose(options: argparse.Namespace) -> None:
    from calobatch.run.trials import Outcome, write_winner
    from calobatch.search.choose import choose
    from calobatch.words import counted

    outcomes = [Outcome.read(path) for path in options.outcomes]
    best = choose(options.task, outcomes)
    write_winner(best.training, options.epochs, options.output)
    print(
        f"choose {options.task}: trial {best.number}, with a validation AUC of "
        f"{best.best.validation_auc:.4f} within {counted(best.epochs, 'epoch')}"
    )


TRAINING_STAGES = (
    Verb("train", "run one rank of a training (start all ranks with launch or srun)",
         _train_options, _train),
    Verb("propose", "choose the settings of the next trials of a search from those before",
         _propose_options, _propose),
    Verb("trial", "run one rank of a training of a search, and write what it has reached",
         _trial_options, _trial),
    Verb("choose", "write the settings of the best trial of a search", _choose_options, _choose),
)  # fmt: skip
