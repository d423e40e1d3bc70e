"""The verbs of the stages that prepare events: fetch, simulate and pack."""

import argparse
from pathlib import Path

from calobatch.errors import UserError
from calobatch.verbs.verb import Verb, add_settings, add_workers


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


DATA_STAGES = (
    Verb("fetch", "download a public file and check it; an interrupted download is continued",
         _fetch_options, _fetch),
    Verb("simulate", "write a simulated raw file in the layout of the public files",
         _simulate_options, _simulate),
    Verb("pack", "convert the raw files of a dataset to one sparse, memory-mapped store",
         _pack_options, _pack),
)  # fmt: skip
