"""The command line: one verb for each rule of the workflow, and those that start or explain them.

Modules are imported by the verb that needs them: a verb without torch starts in no time.
"""

import argparse
import json
import os
import signal
import sys
import time
import traceback
from collections.abc import Sequence
from pathlib import Path
from types import FrameType
from typing import Any

from calobatch.errors import JobError, StoppedError, UserError

SECONDS_FOR_RANK_0_TO_SPEAK = 10.0
SECONDS_TO_LET_RANK_0_LEAVE = 1.0


def main(arguments: Sequence[str] | None = None) -> None:
    """Run one verb; exit with 0, or with one message and the code of its kind (errors.py)."""
    options = _parser().parse_args(arguments)
    try:
        options.action(options)
    except StoppedError as stopped:
        # The first rank to leave has the others terminated; they must end with the same code.
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        if _is_rank_0():
            print(f"calobatch {options.verb}: {stopped}", file=sys.stderr, flush=True)
        else:
            time.sleep(SECONDS_TO_LET_RANK_0_LEAVE)
        sys.exit(stopped.exit_code)
    except (UserError, JobError) as error:
        if options.traceback:
            traceback.print_exc()
        if not _is_rank_0():
            # All ranks meet most mistakes at once; rank 0 tells of them and the others are stopped.
            time.sleep(SECONDS_FOR_RANK_0_TO_SPEAK)
        print(f"calobatch {options.verb}: {error}", file=sys.stderr)
        sys.exit(error.exit_code)
    except OSError as error:
        if options.traceback:
            traceback.print_exc()
        mend = "mend that (space, permission, name) and run the same command again"
        print(f"calobatch {options.verb}: {error}; {mend}", file=sys.stderr)
        sys.exit(JobError.exit_code)
    except KeyboardInterrupt:
        sys.exit(130)


def _is_rank_0() -> bool:
    return os.environ.get("CALOBATCH_RANK", "0") == "0"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="calobatch", description=__doc__.splitlines()[0])
    parser.add_argument(
        "--traceback",
        action="store_true",
        default=bool(os.environ.get("CALOBATCH_TRACEBACK")),
        help="show where an error arose (also: CALOBATCH_TRACEBACK=1)",
    )
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="VERB")

    fetch = _verb(verbs, "fetch", _fetch, "download a public file, resumable and checked")
    fetch.add_argument("dataset")
    fetch.add_argument("file")
    fetch.add_argument("--output", type=Path, required=True)
    fetch.add_argument("--location", help="folder or URL that holds the file")
    fetch.add_argument("--table", type=Path, default=Path("config/datasets.csv"))
    fetch.add_argument("--pins", type=Path, default=Path("config/pins"), metavar="FOLDER")

    simulate = _verb(verbs, "simulate", _simulate, "write a raw file in the public layout")
    simulate.add_argument("layout")
    simulate.add_argument("--output", type=Path, required=True)
    simulate.add_argument("--settings", type=_json, required=True, metavar="JSON")
    simulate.add_argument("--workers", type=int, default=1)

    pack = _verb(verbs, "pack", _pack, "raw files to the sparse, memory-mapped store")
    pack.add_argument("dataset")
    pack.add_argument("files", type=Path, nargs="+")
    pack.add_argument("--output", type=Path, required=True, metavar="FOLDER")
    pack.add_argument("--settings", type=_json, required=True, metavar="JSON")
    pack.add_argument("--workers", type=int, default=1)
    pack.add_argument("--pins", type=Path, metavar="FOLDER", help="hold fetched files to these")
    pack.add_argument("--table", type=Path, default=Path("config/datasets.csv"))

    launch = _verb(verbs, "launch", _launch, "start a command as N ranks on this machine")
    launch.add_argument("-n", "--ranks", type=int, required=True)
    launch.add_argument("command", nargs=argparse.REMAINDER)

    train = _verb(verbs, "train", _train, "one rank of a training (start it with launch or srun)")
    train.add_argument("task")
    train.add_argument("--seed", type=int, required=True)
    train.add_argument("--store", type=Path, required=True, metavar="FOLDER")
    train.add_argument("--output", type=Path, required=True, metavar="FOLDER")
    train.add_argument("--settings", type=_json, required=True, metavar="JSON")

    evaluate = _verb(verbs, "evaluate", _evaluate, "predictions to metrics and plots")
    evaluate.add_argument("folder", type=Path, help="folder of a finished training")

    collect = _verb(verbs, "collect", _collect, "all runs of a scenario into MLflow")
    collect.add_argument("runs", type=Path, nargs="+", help="folders of evaluated runs")
    collect.add_argument("--settings", type=_json, required=True, metavar="JSON")
    collect.add_argument("--leaderboard", type=Path, required=True, metavar="CSV")
    collect.add_argument("--tracking-uri", default="sqlite:///mlflow.db", metavar="URI")

    report = _verb(verbs, "report", _report, "one page with all results of a scenario")
    report.add_argument("runs", type=Path, nargs="+", help="folders of evaluated runs")
    report.add_argument("--stores", type=Path, nargs="+", required=True, metavar="FOLDER")
    report.add_argument("--leaderboard", type=Path, required=True, metavar="CSV")
    report.add_argument("--settings", type=_json, required=True, metavar="JSON")
    report.add_argument("--output", type=Path, required=True, metavar="HTML")

    leaderboard = _verb(verbs, "leaderboard", _leaderboard, "print the leaderboard of a scenario")
    leaderboard.add_argument("csv", type=Path)

    check = _verb(verbs, "check", _check, "read a scenario and print it, complete and checked")
    check.add_argument("scenario", nargs="?", default="quickstart")
    check.add_argument("--set", default="", metavar="KEY=VALUE", dest="overrides")

    plan = _verb(verbs, "plan", _plan, "predict speed, node hours and efficiency on more GPUs")
    plan.add_argument("task")
    plan.add_argument("--gpus", type=int, nargs="+", default=[], metavar="N")
    plan.add_argument("--gpus-per-node", type=int, default=4, metavar="N")
    plan.add_argument("--scenario", default="quickstart")
    plan.add_argument("--set", default="", metavar="KEY=VALUE", dest="overrides")
    plan.add_argument(
        "--measurements", type=Path, nargs="+", default=[], metavar="FILE",
        help="speeds of trainings (by default those of the scenario's finished runs) and networks",
    )  # fmt: skip
    plan.add_argument(
        "--network", default="", metavar="LATENCY_US,GBIT",
        help="a network that was not measured; two more numbers: microseconds that a call costs, "
        "and a message of the ranks' agreement (of Horovod: 1000,25)",
    )  # fmt: skip
    plan.add_argument(
        "--algorithm", choices=("ring", "tree"), default="ring",
        help="how gradients travel: ring is Gloo's, and NCCL's at worst; tree NCCL's at best",
    )  # fmt: skip
    plan.add_argument("--hours", type=float, metavar="H", help="find the fewest GPUs for this")
    plan.add_argument("--events", type=int, metavar="N", help="training events, if not as measured")
    plan.add_argument("--efficiency", type=float, default=0.8, metavar="SHARE")
    plan.add_argument(
        "--faster", type=float, default=1.0, metavar="FACTOR",
        help="assume that a GPU computes so many times as fast as what was measured",
    )  # fmt: skip

    _verb(verbs, "schema", _schema, "print the JSON schema of a scenario file")

    contain = _verb(verbs, "contain", _contain, "run a command in an image, as cluster jobs do")
    contain.add_argument("image", choices=("data", "train"))
    contain.add_argument("command", nargs=argparse.REMAINDER)

    requeue = _verb(verbs, "requeue", _requeue, "run a training; requeue its job when it stopped")
    requeue.add_argument("command", nargs=argparse.REMAINDER)

    submit = _verb(verbs, "submit", _submit, "run the head process itself as a job of SLURM")
    submit.add_argument("--scenario", default="quickstart")
    submit.add_argument("--set", default="", metavar="KEY=VALUE", dest="overrides")

    images = _verb(verbs, "images", _images, "list the images of this code's environment")
    images.add_argument("--variant", choices=("cpu", "cuda"), default="cpu")
    images.add_argument("--folder", type=Path, default=Path("containers/images"))

    doctor = _verb(verbs, "doctor", _doctor, "check all that a cluster run needs, before it")
    doctor.add_argument("--scenario", default="quickstart", metavar="NAME")
    doctor.add_argument("--patience", type=float, default=300.0, metavar="SECONDS")
    return parser


def _verb(verbs: Any, name: str, action: Any, text: str) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = verbs.add_parser(name, help=text, description=text)
    parser.set_defaults(action=action)
    return parser


def _json(text: str) -> dict[str, Any]:
    """Read JSON given in place, or the file of that name."""
    try:
        if not text.lstrip().startswith("{"):
            text = Path(text).read_text(encoding="utf-8")
        content = json.loads(text)
    except (OSError, json.JSONDecodeError) as error:
        raise argparse.ArgumentTypeError(f"neither JSON nor a file of it: {error}") from None
    if not isinstance(content, dict):
        raise argparse.ArgumentTypeError("expected a JSON object")
    return content


def _command(options: argparse.Namespace) -> list[str]:
    """Return the command to start, without the `--` that may stand before it."""
    words: list[str] = options.command
    return words[1:] if words[:1] == ["--"] else words


def _fetch(options: argparse.Namespace) -> None:
    from calobatch.fetch.fetch import fetch
    from calobatch.fetch.table import read_table

    files = read_table(options.table)
    matching = [f for f in files if (f.dataset, f.file) == (options.dataset, options.file)]
    if not matching:
        raise UserError(f"{options.table} has no file {options.file} of {options.dataset}")
    pin = options.pins / options.dataset / f"{options.file}.json"
    fetch(matching[0], options.output, pin, location=options.location)


def _simulate(options: argparse.Namespace) -> None:
    from calobatch.config.load import validated
    from calobatch.config.models import Simulated
    from calobatch.layouts import layout_named
    from calobatch.simulate.simulate import simulate

    settings = validated(Simulated, options.settings, "--settings")
    simulate(layout_named(options.layout), settings, options.output, workers=options.workers)


def _pack(options: argparse.Namespace) -> None:
    from calobatch.config.load import validated
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


def _launch(options: argparse.Namespace) -> None:
    from calobatch.launch import launch

    command = _command(options)
    if not command or options.ranks < 1:
        raise UserError("launch needs at least one rank and a command: launch -n 2 calobatch ...")
    launch(command, options.ranks)


def _train(options: argparse.Namespace) -> None:
    # Until the training listens itself: importing torch takes seconds, the first meeting more.
    for number in (signal.SIGTERM, signal.SIGUSR1):
        signal.signal(number, _stop_outside_of_an_epoch)
    from calobatch.config.load import validated
    from calobatch.config.models import Training
    from calobatch.train.train import train

    settings = validated(Training, options.settings, "--settings")
    train(options.task, settings, options.seed, options.store, options.output)


def _stop_outside_of_an_epoch(number: int, frame: FrameType | None) -> None:
    raise StoppedError(
        f"asked to stop by {signal.Signals(number).name} outside of an epoch; run the same command "
        "again to go on from the last checkpoint"
    )


def _evaluate(options: argparse.Namespace) -> None:
    from calobatch.evaluate.evaluate import evaluate

    evaluate(options.folder)


def _collect(options: argparse.Namespace) -> None:
    from calobatch.collect.collect import collect
    from calobatch.config.load import validated
    from calobatch.config.models import Scenario

    scenario = validated(Scenario, options.settings, "--settings")
    collect(scenario, options.runs, options.tracking_uri, options.leaderboard)


def _report(options: argparse.Namespace) -> None:
    from calobatch.config.load import validated
    from calobatch.config.models import Scenario
    from calobatch.report.report import report

    scenario = validated(Scenario, options.settings, "--settings")
    report(scenario, options.runs, options.stores, options.leaderboard, options.output)


def _leaderboard(options: argparse.Namespace) -> None:
    from calobatch.collect.leaderboard import format_leaderboard

    print(format_leaderboard(options.csv))


def _check(options: argparse.Namespace) -> None:
    from calobatch.config.load import load_scenario

    print(load_scenario(options.scenario, options.overrides).model_dump_json(indent=2))


def _plan(options: argparse.Namespace) -> None:
    from calobatch.config.load import load_scenario
    from calobatch.plan.answer import Question, answer
    from calobatch.plan.measurements import read_all

    scenario = load_scenario(options.scenario, options.overrides)
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


def _contain(options: argparse.Namespace) -> None:
    from calobatch.slurm.contain import contain

    command = _command(options)
    if not command:
        raise UserError("contain needs a command: contain train -- calobatch train ...")
    contain(options.image, command)


def _requeue(options: argparse.Namespace) -> None:
    from calobatch.slurm.requeue import requeue

    requeue(_command(options))


def _submit(options: argparse.Namespace) -> None:
    from calobatch.config.load import load_scenario
    from calobatch.slurm.site import read_site
    from calobatch.slurm.submit import submit

    scenario = load_scenario(options.scenario, options.overrides)
    submit(scenario, options.overrides, read_site())


def _images(options: argparse.Namespace) -> None:
    from calobatch.slurm.images import listing

    print(listing(options.folder, options.variant))


def _doctor(options: argparse.Namespace) -> None:
    from calobatch.config.load import load_scenario
    from calobatch.slurm.doctor import doctor

    if not doctor(load_scenario(options.scenario), options.patience):
        sys.exit(UserError.exit_code)


def _schema(options: argparse.Namespace) -> None:
    from calobatch.config.models import ScenarioFile, Task

    schemas = {"scenario": ScenarioFile.model_json_schema(), "task": Task.model_json_schema()}
    print(json.dumps(schemas, indent=2, sort_keys=True))


if __name__ == "__main__":
    main()
