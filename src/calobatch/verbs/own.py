"""Verbs for data and models of a user's own."""

import argparse
import os
from pathlib import Path

from calobatch.verbs.verb import Verb


def _predict_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "run", type=Path, help="folder of a finished training, results/<scenario>/<task>/seed<k>"
    )
    parser.add_argument(
        "files", type=Path, nargs="+", help="raw files of the same layout, with labels or without"
    )
    parser.add_argument(
        "--output", type=Path, required=True, metavar="PARQUET", help="file of the scores"
    )
    parser.add_argument(
        "--threads", type=int, default=len(os.sched_getaffinity(0)), metavar="N",
        help="number of cores (default: all)",
    )  # fmt: skip


def _predict(options: argparse.Namespace) -> None:
    from calobatch.predict.predict import predict

    predict(options.run, options.files, options.output, threads=options.threads)


def _inspect_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("files", type=Path, nargs="+", help="raw files")


def _inspect(options: argparse.Namespace) -> None:
    from calobatch.raw.inspect import inspect

    print(inspect(options.files))


OWN = (
    Verb("inspect", "say what raw files hold, and propose a layout for them",
         _inspect_options, _inspect, for_users=True),
    Verb("predict", "score raw files with the model of a finished training",
         _predict_options, _predict, for_users=True),
)  # fmt: skip
