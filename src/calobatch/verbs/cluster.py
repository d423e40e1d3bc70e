"""Verbs that start commands on this machine or on a cluster, and that check a cluster."""

import argparse
import sys
from pathlib import Path

from calobatch.errors import UserError
from calobatch.verbs.verb import Verb, add_command, add_overrides, add_scenario, command_of


def _launch_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "-n", "--ranks", type=int, required=True, metavar="N", help="number of ranks to start"
    )
    parser.add_argument(
        "--device",
        choices=("auto", "cpu"),
        default="auto",
        help="auto (the default): wait for one GPU per rank that no other launcher uses; "
        "cpu: use no GPUs",
    )
    add_command(parser)


def _launch(options: argparse.Namespace) -> None:
    from calobatch.launch import launch

    command = command_of(options)
    if not command or options.ranks < 1:
        raise UserError(
            "launch needs at least one rank and a command; for example: "
            "calobatch launch -n 2 calobatch train ..."
        )
    launch(command, options.ranks, options.device)


def _contain_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "image", choices=("data", "train"), help="image to use; only train contains torch"
    )
    add_command(parser)


def _contain(options: argparse.Namespace) -> None:
    from calobatch.slurm.contain import contain

    command = command_of(options)
    if not command:
        raise UserError(
            "contain needs a command; for example: calobatch contain train -- calobatch train ..."
        )
    contain(options.image, command)


def _requeue_options(parser: argparse.ArgumentParser) -> None:
    add_command(parser)


def _requeue(options: argparse.Namespace) -> None:
    from calobatch.slurm.requeue import requeue

    requeue(command_of(options))


def _submit_options(parser: argparse.ArgumentParser) -> None:
    add_scenario(parser)
    add_overrides(parser)


def _submit(options: argparse.Namespace) -> None:
    from calobatch.slurm.site import read_site
    from calobatch.slurm.submit import submit
    from calobatch.workflow.heads import require_free
    from calobatch.workflow.scenario import read_setup

    scenario = read_setup(options.scenario, options.overrides).scenario
    require_free(scenario.name)
    submit(scenario, options.overrides, read_site())


def _images_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--variant", choices=("cpu", "cuda"), default="cpu",
        help="images for CPUs or for NVIDIA GPUs (default: cpu)",
    )  # fmt: skip
    parser.add_argument(
        "--folder", type=Path, default=Path("containers/images"),
        help="folder of the images (default: containers/images)",
    )  # fmt: skip


def _images(options: argparse.Namespace) -> None:
    from calobatch.slurm.images import listing

    print(listing(options.folder, options.variant))


def _doctor_options(parser: argparse.ArgumentParser) -> None:
    add_scenario(parser)
    parser.add_argument(
        "--patience", type=float, default=300.0, metavar="SECONDS",
        help="time to wait for a test job to start (default: 300)",
    )  # fmt: skip


def _doctor(options: argparse.Namespace) -> None:
    from calobatch.slurm.doctor import doctor
    from calobatch.workflow.scenario import read_scenario

    if not doctor(read_scenario(options.scenario), options.patience):
        sys.exit(UserError.exit_code)


def _usage_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--scenario", default="", metavar="NAME",
        help="only jobs of this scenario (default: the scenario that ran last)",
    )  # fmt: skip
    parser.add_argument(
        "--since", default="", metavar="TIME",
        help="all runs since this time, for example 2026-01-31 or now-2days (default: the newest "
        "run of the last 30 days)",
    )  # fmt: skip
    parser.add_argument(
        "--csv", type=Path, metavar="FILE", help="also write the jobs to this file, as numbers"
    )


def _usage(options: argparse.Namespace) -> None:
    from calobatch.slurm.site import SITE_FILE, read_site
    from calobatch.slurm.usage.table import write_csv
    from calobatch.slurm.usage.usage import usage
    from calobatch.workflow.scenario import DEFAULT

    mb_per_node = read_site().mb_per_node if SITE_FILE.exists() else 0
    text, jobs = usage(Path.cwd(), DEFAULT, Path(options.scenario).stem, options.since, mb_per_node)
    if options.csv:
        write_csv(jobs, options.csv)
    print(text)


CLUSTER = (
    Verb("launch", "start a command as N ranks on this machine", _launch_options, _launch),
    Verb("contain", "run a command inside an Apptainer image, as jobs on a cluster do",
         _contain_options, _contain),
    Verb("requeue", "run a training, and requeue its SLURM job if it was stopped early",
         _requeue_options, _requeue),
    Verb("submit", "submit the head process (Snakemake itself) as a SLURM job",
         _submit_options, _submit, for_users=True),
    Verb("images", "list the images that this checkout needs",
         _images_options, _images, for_users=True),
    Verb("doctor", "check everything that a scenario needs on this cluster",
         _doctor_options, _doctor, for_users=True),
    Verb("usage", "show what each job requested and used, and suggest smaller requests",
         _usage_options, _usage, for_users=True),
)  # fmt: skip
