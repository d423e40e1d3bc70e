"""Verbs that print a scenario, its results, its cost on more GPUs, or all keys, or try models."""

import argparse
import json
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

from calobatch.errors import UserError
from calobatch.verbs.verb import (
    Verb,
    add_last_overrides,
    add_overrides,
    add_scenario,
    add_settings,
    overrides_of,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from calobatch.config.scenario import Scenario
    from calobatch.watch.training import Training


def _add_scenario_first(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "scenario", nargs="?", default="quickstart",
        help="scenario in config/, or path to a YAML file (default: quickstart)",
    )  # fmt: skip


def _check_options(parser: argparse.ArgumentParser) -> None:
    _add_scenario_first(parser)
    parser.add_argument(
        "--full", action="store_true", help="print every key with its value, as JSON"
    )
    add_overrides(parser)


def _check(options: argparse.Namespace) -> None:
    from calobatch.workflow.scenario import read_setup
    from calobatch.workflow.summary import summary

    setup = read_setup(options.scenario, options.overrides)
    print(setup.scenario.model_dump_json(indent=2) if options.full else summary(setup))


def _leaderboard_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "scenario", nargs="?", default="quickstart",
        help="scenario that has run, or path to its leaderboard.csv (default: quickstart)",
    )  # fmt: skip
    add_last_overrides(parser)


def _leaderboard(options: argparse.Namespace) -> None:
    from calobatch.config.load import CONFIG
    from calobatch.run.leaderboard import format_leaderboard
    from calobatch.workflow.results import leaderboard_of, trained_again, what_differs
    from calobatch.workflow.scenario import read_scenario

    path = Path(options.scenario)
    if path.suffix == ".csv":
        print(format_leaderboard(path))
        return
    board = leaderboard_of(path.stem)
    print(format_leaderboard(board))
    file = path if path.suffix else CONFIG / f"{path.stem}.yaml"
    if not file.exists():
        return
    changes = overrides_of(options)
    scenario = read_scenario(options.scenario, changes)
    again = trained_again(scenario, board)
    if again:
        print(
            f"\nThe numbers of {', '.join(map(str, again))} are those of earlier trainings, which "
            "are being repeated or have been repeated since. The leaderboard is updated at the "
            "end of the run."
        )
    if lines := what_differs(scenario, without=again):
        print(f"\nCompared with {file}{' and --set' if changes else ''}: {'; '.join(lines)}.")


def _watch_options(parser: argparse.ArgumentParser) -> None:
    _add_scenario_first(parser)
    parser.add_argument(
        "--every", type=float, default=2.0, metavar="SECONDS",
        help="time between updates of the table (default: 2)",
    )  # fmt: skip
    parser.add_argument(
        "--silent", type=float, default=120.0, metavar="SECONDS",
        help="time after which a training without a sign of life is called silent (default: 120)",
    )  # fmt: skip
    parser.add_argument("--once", action="store_true", help="print the table once, and exit")
    parser.add_argument(
        "--mlflow", action="store_true",
        help="also write each epoch to MLflow when it ends, for the charts on MLflow's page",
    )  # fmt: skip
    add_last_overrides(parser)


def _watch(options: argparse.Namespace) -> None:
    from calobatch.watch.screen import watch
    from calobatch.workflow.results import LOGS, RESULTS
    from calobatch.workflow.scenario import read_setup

    scenario = read_setup(options.scenario, overrides_of(options)).scenario
    watch(
        scenario,
        RESULTS / scenario.name,
        LOGS / scenario.name,
        every=options.every,
        silent_after=options.silent,
        once=options.once,
        tell=_live(scenario) if options.mlflow else None,
    )


def _live(scenario: "Scenario") -> "Callable[[Sequence[Training]], str]":
    """Return a function that writes the epochs of trainings to MLflow, and says if it could not."""
    from calobatch.collect.live import Live
    from calobatch.tracking_uri import from_environment
    from calobatch.watch.training import State
    from calobatch.workflow.results import RESULTS

    live = Live(from_environment(), scenario, RESULTS / scenario.name)

    def write(trainings: "Sequence[Training]") -> str:
        at_work = (State.TRAINING, State.SILENT)
        try:
            live.write((t.name, t.history) for t in trainings if t.state in at_work)
        except UserError as error:
            return f"MLflow gets no epochs: {error}"
        return ""

    return write


def _plan_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("task", help="name of a task of the scenario")
    parser.add_argument(
        "--gpus", type=int, nargs="+", action="extend", default=[], metavar="N",
        help="numbers of GPUs to predict for",
    )  # fmt: skip
    parser.add_argument(
        "--gpus-per-node", type=int, default=4, metavar="N",
        help="number of GPUs per node (default: 4)",
    )  # fmt: skip
    add_scenario(parser)
    add_overrides(parser)
    parser.add_argument(
        "--measurements", type=Path, nargs="+", action="extend", default=[], metavar="FILE",
        help="measured speeds of trainings and networks (default: the scenario's finished runs)",
    )  # fmt: skip
    parser.add_argument(
        "--network", default="", metavar="LATENCY_US,GBIT",
        help="a network that was not measured: latency in microseconds and bandwidth in gigabits "
        "per second; optionally followed by ,CALL_US,MESSAGE_US: the microseconds that a call "
        "takes, and that the ranks take to agree on a message (Horovod: 1000,25)",
    )  # fmt: skip
    parser.add_argument(
        "--algorithm", choices=("ring", "tree"), default="ring",
        help="algorithm that sums gradients over GPUs: ring is used by Gloo and is NCCL's slowest, "
        "tree is NCCL's fastest (default: ring)",
    )  # fmt: skip
    parser.add_argument(
        "--hours", type=float, metavar="H", help="find the fewest GPUs that finish in H hours"
    )
    parser.add_argument(
        "--events",
        type=int,
        metavar="N",
        help="number of training events (default: that of the measured training)",
    )
    parser.add_argument(
        "--efficiency", type=float, default=0.8, metavar="FRACTION",
        help="find the most GPUs that keep this parallel efficiency (default: 0.8)",
    )  # fmt: skip
    parser.add_argument(
        "--faster", type=float, default=1.0, metavar="FACTOR",
        help="speed of the GPUs as a multiple of the measured device's (default: 1)",
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


def _publish_options(parser: argparse.ArgumentParser) -> None:
    _add_scenario_first(parser)
    parser.add_argument(
        "--output", type=Path, required=True, metavar="FOLDER", help="new folder to write"
    )
    parser.add_argument(
        "--author", action="append", required=True, dest="authors", metavar="TEXT",
        help='an author as "Name; ORCID; institute", of which only the name is needed; may be '
        "given several times",
    )  # fmt: skip
    parser.add_argument(
        "--licence", default="CC-BY-4.0", metavar="SPDX",
        help="identifier of a licence, as https://spdx.org/licenses lists it (default: CC-BY-4.0)",
    )  # fmt: skip
    add_last_overrides(parser)


def _publish(options: argparse.Namespace) -> None:
    from calobatch.publish.citation import read_author
    from calobatch.publish.publish import publish
    from calobatch.workflow.results import RESULTS, leaderboard_of, require_results_of
    from calobatch.workflow.scenario import read_scenario

    authors = [read_author(text) for text in options.authors]
    overrides = overrides_of(options)
    scenario = read_scenario(options.scenario, overrides)
    board = leaderboard_of(scenario.name)
    require_results_of(scenario)
    publish(
        scenario,
        RESULTS / scenario.name,
        board,
        options.output,
        authors=authors,
        licence=options.licence,
        today=date.today(),
        overrides=overrides,
    )


def _schema_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "of",
        nargs="?",
        choices=("scenario", "tasks", "layout"),
        default="scenario",
        help="the file that the schema is for: a scenario, tasks.yaml or a layout "
        "(default: %(default)s)",
    )
    parser.add_argument(
        "--markdown", action="store_true", help="print a page that lists all keys, not JSON"
    )


def _schema(options: argparse.Namespace) -> None:
    from calobatch.config.json_schemas import SCHEMAS
    from calobatch.config.reference import reference_page

    if options.markdown:
        print(reference_page(), end="")
    else:
        print(json.dumps(SCHEMAS[options.of](), indent=2, sort_keys=True))


def _try_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("tasks", nargs="+", metavar="TASK", help="name of a task of the scenario")
    add_settings(parser)


def _try(options: argparse.Namespace) -> None:
    from calobatch.config.explain import validated
    from calobatch.config.scenario import Scenario
    from calobatch.models.build import build_model
    from calobatch.models.trial import check_number_of_trees, try_model
    from calobatch.workflow.datasets import layout_of

    scenario = validated(Scenario, options.settings, "--settings")
    for name in options.tasks:
        task = scenario.tasks[name]
        layout = layout_of(scenario, task.dataset)
        for model_options in task.options_to_try:
            model = build_model(task.model, layout, model_options)
            try_model(model, task.model, layout)
            check_number_of_trees(model, task.most_epochs, name)


SCENARIO = (
    Verb("check", "check a scenario, and print what it would do",
         _check_options, _check, for_users=True),
    Verb("leaderboard", "print the leaderboard of a scenario",
         _leaderboard_options, _leaderboard, for_users=True),
    Verb("watch", "show what each training is doing, while the scenario runs",
         _watch_options, _watch, for_users=True),
    Verb("publish", "write a folder with all results of a scenario, for example for Zenodo",
         _publish_options, _publish, for_users=True),
    Verb("plan", "predict speed, node hours and efficiency of a task on more GPUs",
         _plan_options, _plan, for_users=True),
    Verb("try", "give the models of tasks a batch of zeros, to find mistakes before a training",
         _try_options, _try),
    Verb("schema", "print the JSON schema of a configuration file, or a page that lists all keys",
         _schema_options, _schema, for_users=True),
)  # fmt: skip
