"""The verbs of the stages that work on finished trainings, from ensemble to report."""

import argparse
from pathlib import Path

from calobatch import tracking_uri
from calobatch.verbs.verb import Verb, add_settings, json_object


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


RESULT_STAGES = (
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
