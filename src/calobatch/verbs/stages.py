"""One verb per stage of the workflow; the rules in workflow/rules call them."""

import argparse
import signal
from pathlib import Path
from types import FrameType

from calobatch.errors import StoppedError, UserError
from calobatch.verbs.verb import Verb, add_settings


def _fetch_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("dataset")
    parser.add_argument("file")
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument("--location", help="folder or URL that has the file")
    parser.add_argument("--table", type=Path, default=Path("config/datasets.csv"))
    parser.add_argument("--pins", type=Path, default=Path("config/pins"), metavar="FOLDER")


def _fetch(options: argparse.Namespace) -> None:
    from calobatch.fetch.fetch import fetch
    from calobatch.fetch.table import read_table

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
    parser.add_argument("layout")
    parser.add_argument("--output", type=Path, required=True)
    add_settings(parser)
    parser.add_argument("--workers", type=int, default=1)


def _simulate(options: argparse.Namespace) -> None:
    from calobatch.config.explain import validated
    from calobatch.config.models import Simulated
    from calobatch.layouts import layout_named
    from calobatch.simulate.simulate import simulate

    settings = validated(Simulated, options.settings, "--settings")
    simulate(layout_named(options.layout), settings, options.output, workers=options.workers)


def _pack_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("dataset")
    parser.add_argument("files", type=Path, nargs="+")
    parser.add_argument("--output", type=Path, required=True, metavar="FOLDER")
    add_settings(parser)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument(
        "--pins", type=Path, metavar="FOLDER", help="compare the files with the pins in this folder"
    )
    parser.add_argument("--table", type=Path, default=Path("config/datasets.csv"))


def _pack(options: argparse.Namespace) -> None:
    from calobatch.config.explain import validated
    from calobatch.fetch.table import read_table
    from calobatch.layouts import layout_named
    from calobatch.pack.identify import expected_files
    from calobatch.pack.pack import pack
    from calobatch.pack.settings import Packing

    settings = validated(Packing, options.settings, "--settings")
    expected = {}
    if options.pins:
        expected = expected_files(options.dataset, read_table(options.table), options.pins)
    pack(
        options.dataset,
        layout_named(settings.layout),
        options.files,
        options.output,
        split=settings.split,
        zero_below=settings.zero_below,
        declared_labels=settings.declared_labels,
        expected=expected,
        workers=options.workers,
    )


def _train_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("task")
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--store", type=Path, required=True, metavar="FOLDER")
    parser.add_argument("--output", type=Path, required=True, metavar="FOLDER")
    add_settings(parser)


def _train(options: argparse.Namespace) -> None:
    # The training listens to these signals only during its epochs. Importing torch and meeting
    # the other ranks take many seconds before that.
    for number in (signal.SIGTERM, signal.SIGUSR1):
        signal.signal(number, _stop_outside_of_an_epoch)
    from calobatch.config.explain import validated
    from calobatch.config.models import Training
    from calobatch.train.train import train

    settings = validated(Training, options.settings, "--settings")
    train(options.task, settings, options.seed, options.store, options.output)


def _stop_outside_of_an_epoch(number: int, frame: FrameType | None) -> None:
    raise StoppedError(
        f"asked to stop by {signal.Signals(number).name} outside of an epoch; run the same command "
        "again to continue from the last checkpoint"
    )


def _evaluate_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("folder", type=Path, help="folder of a finished training")


def _evaluate(options: argparse.Namespace) -> None:
    from calobatch.evaluate.evaluate import evaluate

    evaluate(options.folder)


def _collect_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("runs", type=Path, nargs="+", help="folders of evaluated runs")
    add_settings(parser)
    parser.add_argument("--leaderboard", type=Path, required=True, metavar="CSV")
    parser.add_argument("--tracking-uri", default="sqlite:///mlflow.db", metavar="URI")


def _collect(options: argparse.Namespace) -> None:
    from calobatch.collect.collect import collect
    from calobatch.config.explain import validated
    from calobatch.config.models import Scenario

    scenario = validated(Scenario, options.settings, "--settings")
    collect(scenario, options.runs, options.tracking_uri, options.leaderboard)


def _report_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("runs", type=Path, nargs="+", help="folders of evaluated runs")
    parser.add_argument("--stores", type=Path, nargs="+", required=True, metavar="FOLDER")
    parser.add_argument("--leaderboard", type=Path, required=True, metavar="CSV")
    add_settings(parser)
    parser.add_argument("--output", type=Path, required=True, metavar="HTML")


def _report(options: argparse.Namespace) -> None:
    from calobatch.config.explain import validated
    from calobatch.config.models import Scenario
    from calobatch.report.report import report

    scenario = validated(Scenario, options.settings, "--settings")
    report(scenario, options.runs, options.stores, options.leaderboard, options.output)


STAGES = (
    Verb("fetch", "download a public file and check it; a broken download is continued",
         _fetch_options, _fetch),
    Verb("simulate", "write a simulated raw file in the layout of the public files",
         _simulate_options, _simulate),
    Verb("pack", "convert raw files to one sparse, memory-mapped store", _pack_options, _pack),
    Verb("train", "run one rank of a training (start all ranks with launch or srun)",
         _train_options, _train),
    Verb("evaluate", "compute metrics and draw plots from predictions",
         _evaluate_options, _evaluate),
    Verb("collect", "write all runs of a scenario to MLflow and to the leaderboard",
         _collect_options, _collect),
    Verb("report", "write one page with all results of a scenario", _report_options, _report),
)  # fmt: skip
