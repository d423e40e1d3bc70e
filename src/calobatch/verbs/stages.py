"""One verb per stage of the workflow. The rules in workflow/rules call these verbs."""

import argparse
import signal
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, suppress
from functools import partial
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any

from calobatch import tracking_uri
from calobatch.errors import StoppedError, UserError
from calobatch.stop_signals import stop_signals
from calobatch.verbs.verb import Verb, add_settings, add_workers, json_object

if TYPE_CHECKING:
    from calobatch.config.training import Training


def _add_table(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--table", type=Path, default=Path("config/datasets.csv"), metavar="CSV",
        help="table of public files (default: config/datasets.csv)",
    )  # fmt: skip


def _fetch_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("dataset", help="name of a dataset in the table of public files")
    parser.add_argument("file", help="name of a file of this dataset")
    parser.add_argument("--output", type=Path, required=True, help="where to store the file")
    parser.add_argument(
        "--location",
        help="folder or URL that has the file, instead of the addresses in the table; a server's "
        "user name and password are taken from ~/.netrc",
    )
    _add_table(parser)
    parser.add_argument(
        "--pins", type=Path, default=Path("config/pins"), metavar="FOLDER",
        help="folder of the checksums that the first download recorded (default: config/pins)",
    )  # fmt: skip


def _fetch(options: argparse.Namespace) -> None:
    from calobatch.fetch.fetch import fetch
    from calobatch.public.table import read_table

    files = read_table(options.table)
    matching = [f for f in files if (f.dataset, f.file) == (options.dataset, options.file)]
    if not matching:
        raise UserError(
            f"{options.table} has no file {options.file} of dataset {options.dataset}; correct "
            "the name, or add the file to the table"
        )
    pin = options.pins / options.dataset / f"{options.file}.json"
    fetch(matching[0], options.output, pin, location=options.location)


def _simulate_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("layout", help="name of a file in config/layouts, without .yaml")
    parser.add_argument(
        "--output",
        type=Path,
        required=True,
        help="raw file to write; the name must be one of those that follow from the settings",
    )
    add_settings(parser)
    add_workers(parser)


def _simulate(options: argparse.Namespace) -> None:
    from calobatch.config.dataset import Simulated
    from calobatch.config.explain import validated
    from calobatch.config.layout_file import read_layout
    from calobatch.simulate.simulate import simulate
    from calobatch.simulate.version import without_version

    layout = read_layout(options.layout)
    settings = validated(Simulated, without_version(options.settings, layout), "--settings")
    simulate(layout, settings, options.output, workers=options.workers)


def _pack_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("dataset", help="name of the dataset")
    parser.add_argument("files", type=Path, nargs="+", help="all raw files of the dataset")
    parser.add_argument(
        "--output", type=Path, required=True, metavar="FOLDER", help="folder of the packed store"
    )
    add_settings(parser)
    add_workers(parser)
    parser.add_argument(
        "--pins",
        type=Path,
        metavar="FOLDER",
        help="compare the files with the checksums in this folder",
    )
    _add_table(parser)


def _pack(options: argparse.Namespace) -> None:
    from calobatch.config.explain import validated
    from calobatch.pack.identify import expected_files
    from calobatch.pack.pack import pack
    from calobatch.pack.settings import Packing
    from calobatch.public.table import read_table

    settings = validated(Packing, options.settings, "--settings")
    expected = {}
    if options.pins:
        expected = expected_files(options.dataset, read_table(options.table), options.pins)
    pack(
        options.dataset,
        settings.layout,
        options.files,
        options.output,
        split=settings.split,
        zero_below=settings.zero_below,
        reweight=settings.reweight,
        balanced=settings.check_balance,
        declared_labels=settings.declared_labels,
        file_labels=settings.file_labels,
        expected=expected,
        workers=options.workers,
    )


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


def _ensemble_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("name", help="name of the ensemble, for messages and its record")
    parser.add_argument(
        "members", type=Path, nargs="+", help="folders of finished trainings on one dataset"
    )
    parser.add_argument(
        "--output", type=Path, required=True, metavar="FOLDER", help="folder of the ensemble"
    )


def _ensemble(options: argparse.Namespace) -> None:
    from calobatch.ensemble.ensemble import ensemble

    ensemble(options.name, options.members, options.output)


def _evaluate_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("folder", type=Path, help="folder of a finished training or an ensemble")


def _evaluate(options: argparse.Namespace) -> None:
    from calobatch.evaluate.evaluate import evaluate

    evaluate(options.folder)


def _export_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("folder", type=Path, help="folder of an evaluated run")
    parser.add_argument(
        "--store",
        type=Path,
        required=True,
        metavar="FOLDER",
        help="packed store that the run was trained on; its test events check the exported model",
    )


def _export(options: argparse.Namespace) -> None:
    from calobatch.export.export import export

    export(options.folder, options.store)


def _interpret_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("folder", type=Path, help="folder of an evaluated run")
    parser.add_argument(
        "--store", type=Path, required=True, metavar="FOLDER",
        help="packed store that the run was trained on; its test events are looked at",
    )  # fmt: skip


def _interpret(options: argparse.Namespace) -> None:
    from calobatch.interpret.interpret import interpret

    interpret(options.folder, options.store)


def _collect_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("runs", type=Path, nargs="+", help="folders of evaluated runs")
    add_settings(parser)
    parser.add_argument(
        "--leaderboard", type=Path, required=True, metavar="CSV", help="leaderboard to write"
    )
    parser.epilog = (
        f"The environment variable {tracking_uri.VARIABLE} names the MLflow store to write to "
        f"(default: {tracking_uri.DEFAULT}). A server's user name and password are taken from "
        "MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD."
    )


def _collect(options: argparse.Namespace) -> None:
    from calobatch.collect.collect import collect
    from calobatch.config.explain import validated
    from calobatch.config.scenario import Scenario

    scenario = validated(Scenario, options.settings, "--settings")
    collect(scenario, options.runs, tracking_uri.from_environment(), options.leaderboard)


def _report_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("runs", type=Path, nargs="+", help="folders of evaluated runs")
    parser.add_argument(
        "--stores", type=Path, nargs="+", required=True, metavar="FOLDER",
        help="packed stores of all datasets of the scenario",
    )  # fmt: skip
    parser.add_argument(
        "--leaderboard", type=Path, required=True, metavar="CSV", help="leaderboard to read"
    )
    add_settings(parser)
    parser.add_argument("--output", type=Path, required=True, metavar="HTML", help="page to write")
    parser.add_argument(
        "--failed", type=json_object, default={}, metavar="JSON",
        help='trainings that failed, with the reason of each, as in {"my_task/seed1": "reason"}',
    )  # fmt: skip
    parser.add_argument(
        "--changes", default="", metavar="KEY=VALUE",
        help="changes to keys of the scenario with which it ran, for the command that repeats it",
    )  # fmt: skip


def _report(options: argparse.Namespace) -> None:
    from calobatch.config.explain import validated
    from calobatch.config.scenario import Scenario
    from calobatch.report.report import report

    scenario = validated(Scenario, options.settings, "--settings")
    report(
        scenario,
        options.runs,
        options.stores,
        options.leaderboard,
        options.output,
        failed=options.failed,
        changes=options.changes,
    )


STAGES = (
    Verb("fetch", "download a public file and check it; an interrupted download is continued",
         _fetch_options, _fetch),
    Verb("simulate", "write a simulated raw file in the layout of the public files",
         _simulate_options, _simulate),
    Verb("pack", "convert the raw files of a dataset to one sparse, memory-mapped store",
         _pack_options, _pack),
    Verb("train", "run one rank of a training (start all ranks with launch or srun)",
         _train_options, _train),
    Verb("propose", "choose the settings of the next trials of a search from those before",
         _propose_options, _propose),
    Verb("trial", "run one rank of a training of a search, and write what it has reached",
         _trial_options, _trial),
    Verb("choose", "write the settings of the best trial of a search", _choose_options, _choose),
    Verb("ensemble", "let several trainings predict together: the mean of their probabilities",
         _ensemble_options, _ensemble),
    Verb("evaluate", "compute metrics and draw plots from the predictions of a training",
         _evaluate_options, _evaluate),
    Verb("export", "write the model of a run for use without calobatch, with a model card",
         _export_options, _export),
    Verb("interpret", "find out what the model of a run looks at in the test events",
         _interpret_options, _interpret),
    Verb("collect", "write all runs of a scenario to MLflow and to the leaderboard",
         _collect_options, _collect),
    Verb("report", "write a page with all results of a scenario", _report_options, _report),
)  # fmt: skip
