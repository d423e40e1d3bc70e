"""Verbs that explain a scenario, its results, or its cost on more GPUs."""

import argparse
import json
from pathlib import Path

from calobatch.verbs.verb import Verb, add_overrides


def _check_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("scenario", nargs="?", default="quickstart")
    add_overrides(parser)


def _check(options: argparse.Namespace) -> None:
    from calobatch.workflow.scenario import read_setup

    scenario = read_setup(options.scenario, options.overrides).scenario
    print(scenario.model_dump_json(indent=2))


def _leaderboard_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("csv", type=Path)


def _leaderboard(options: argparse.Namespace) -> None:
    from calobatch.run.leaderboard import format_leaderboard

    print(format_leaderboard(options.csv))


def _plan_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("task")
    parser.add_argument("--gpus", type=int, nargs="+", default=[], metavar="N")
    parser.add_argument("--gpus-per-node", type=int, default=4, metavar="N")
    parser.add_argument("--scenario", default="quickstart")
    add_overrides(parser)
    parser.add_argument(
        "--measurements", type=Path, nargs="+", default=[], metavar="FILE",
        help="measured speeds of trainings and networks (default: the scenario's finished runs)",
    )  # fmt: skip
    parser.add_argument(
        "--network", default="", metavar="LATENCY_US,GBIT",
        help="a network that was not measured; optionally followed by ,CALL_US,MESSAGE_US: the "
        "microseconds that a call costs, and that the ranks need to agree on a message (Horovod: "
        "1000,25)",
    )  # fmt: skip
    parser.add_argument(
        "--algorithm", choices=("ring", "tree"), default="ring",
        help="how gradients travel: ring is Gloo's algorithm and NCCL's slowest, tree NCCL's "
        "fastest",
    )  # fmt: skip
    parser.add_argument(
        "--hours", type=float, metavar="H", help="find the fewest GPUs that finish in H hours"
    )
    parser.add_argument(
        "--events", type=int, metavar="N", help="number of training events, if not as measured"
    )
    parser.add_argument("--efficiency", type=float, default=0.8, metavar="FRACTION")
    parser.add_argument(
        "--faster", type=float, default=1.0, metavar="FACTOR",
        help="assume GPUs that compute this many times as fast as the measured device",
    )  # fmt: skip


def _plan(options: argparse.Namespace) -> None:
    from calobatch.plan.answer import Question, answer
    from calobatch.plan.measurements import read_all
    from calobatch.workflow.scenario import read_setup

    scenario = read_setup(options.scenario, options.overrides).scenario
    measured = read_all(options.measurements)
    question = Question(
        task=options.task,
        gpus=tuple(options.gpus),
        gpus_per_node=options.gpus_per_node,
        network=options.network,
        algorithm=options.algorithm,
        hours=options.hours,
        events=options.events,
        efficiency=options.efficiency,
        faster=options.faster,
    )
    print(answer(question, scenario, measured, Path("results") / scenario.name))


def _schema_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--markdown", action="store_true", help="print a page for people in place of JSON"
    )


def _schema(options: argparse.Namespace) -> None:
    from calobatch.config.models import ScenarioFile, Task
    from calobatch.config.reference import reference_page

    if options.markdown:
        print(reference_page(), end="")
        return
    schemas = {"scenario": ScenarioFile.model_json_schema(), "task": Task.model_json_schema()}
    print(json.dumps(schemas, indent=2, sort_keys=True))


SCENARIO = (
    Verb("check", "read and check a scenario, and print it with every default",
         _check_options, _check),
    Verb("leaderboard", "print the leaderboard of a scenario",
         _leaderboard_options, _leaderboard),
    Verb("plan", "predict speed, node hours and efficiency on more GPUs", _plan_options, _plan),
    Verb("schema", "print the JSON schema of scenario files, or a page that lists every key",
         _schema_options, _schema),
)  # fmt: skip
