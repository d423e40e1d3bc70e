"""Verbs for data and models of a user's own."""

import argparse
import os
from pathlib import Path
from tempfile import TemporaryDirectory

from calobatch import tracking_uri
from calobatch.errors import UserError
from calobatch.verbs.verb import Verb


def _predict_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "run",
        help="folder of a finished training, results/<scenario>/<task>/seed<k>, or its address in "
        "MLflow: runs:/ and the id of its run, or models:/<scenario>-<task>@best; or folder of an "
        "ensemble, results/<scenario>/<ensemble>",
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
    parser.add_argument(
        "--submit", action="store_true", help="run as a SLURM job, in the image `train`"
    )


def _predict(options: argparse.Namespace) -> None:
    if options.submit:
        _submit_predict(options)
        return
    from calobatch.predict.predict import predict

    with TemporaryDirectory() as name:
        run = Path(options.run)
        if tracking_uri.is_address(options.run):
            from calobatch.tracking.download import download

            run = Path(name) / "run"
            download(options.run, run, tracking_uri.from_environment())
        predict(run, options.files, options.output, threads=options.threads)


def _submit_predict(options: argparse.Namespace) -> None:
    from calobatch.slurm.predict_job import submit_predict
    from calobatch.slurm.site import read_site

    if tracking_uri.is_address(options.run):
        raise UserError(
            f"{options.run}: a job does not ask MLflow, which its node may not reach; get the "
            "training with `calobatch download`, and name its folder"
        )
    submit_predict(Path(options.run), options.files, options.output, read_site())


def _say_which_store(parser: argparse.ArgumentParser) -> None:
    parser.epilog = (
        f"The environment variable {tracking_uri.VARIABLE} names the MLflow store (default: "
        f"{tracking_uri.DEFAULT})."
    )


def _download_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("run", help="runs:/ and the id of a run in MLflow, or models:/NAME@best")
    parser.add_argument(
        "--output", type=Path, required=True, metavar="FOLDER", help="new folder for the run"
    )
    _say_which_store(parser)


def _download(options: argparse.Namespace) -> None:
    from calobatch.tracking.download import download

    download(options.run, options.output, tracking_uri.from_environment())
    print(f"download: wrote {options.output}; it can be given to `predict`, and as `start_from`")


def _compare_options(parser: argparse.ArgumentParser) -> None:
    for which in ("first", "second"):
        parser.add_argument(
            which, type=Path,
            help="folder of a finished training, results/<scenario>/<task>/seed<k>, of all "
            "trainings of a task, results/<scenario>/<task>, or of an ensemble",
        )  # fmt: skip


def _compare(options: argparse.Namespace) -> None:
    from calobatch.compare.compare import compare, described

    print(described(compare(options.first, options.second)))


def _ui(options: argparse.Namespace) -> None:
    from calobatch.tracking.ui import ui

    ui(tracking_uri.from_environment())


def _inspect_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("files", type=Path, nargs="+", help="raw files")


def _inspect(options: argparse.Namespace) -> None:
    from calobatch.raw.inspect import inspect

    print(inspect(options.files))


OWN = (
    Verb("inspect", "show what raw files contain, and propose a layout for them",
         _inspect_options, _inspect, for_users=True),
    Verb("predict", "score raw files with a finished training or an ensemble",
         _predict_options, _predict, for_users=True),
    Verb("compare", "compare two trainings or tasks on the same test events, with significance",
         _compare_options, _compare, for_users=True),
    Verb("download", "download a finished training from MLflow, for `predict` or `start_from`",
         _download_options, _download, for_users=True),
    Verb("ui", "show all runs in the browser, with MLflow's pages",
         _say_which_store, _ui, for_users=True),
)  # fmt: skip
