"""Run one stage of the workflow, check a scenario or a cluster, or predict a training's speed."""

import argparse
import os
import signal
import sys
import time
import traceback
from collections.abc import Sequence
from typing import Any

from calobatch.errors import StoppedError, error_to_tell
from calobatch.stop_signals import stop_signals
from calobatch.verbs.cluster import CLUSTER
from calobatch.verbs.data_stages import DATA_STAGES
from calobatch.verbs.own import OWN
from calobatch.verbs.result_stages import RESULT_STAGES
from calobatch.verbs.scenario import SCENARIO
from calobatch.verbs.training_stages import TRAINING_STAGES

# First the verbs of the stages, which workflow/rules calls; then all others.
VERBS = (*DATA_STAGES, *TRAINING_STAGES, *RESULT_STAGES, *SCENARIO, *OWN, *CLUSTER)

# On a machine with too few cores, rank 0 may meet the same mistake this much later.
SECONDS_FOR_RANK_0_TO_SPEAK = 30.0
SECONDS_TO_LET_RANK_0_LEAVE = 1.0


def main(arguments: Sequence[str] | None = None) -> None:
    """Run one verb. Exit with 0, or with one message and the exit code of its kind (errors.py)."""
    options = _parser().parse_args(arguments)
    try:
        options.verb.action(options)
        sys.stdout.flush()
    except StoppedError as stopped:
        # Further signals may follow, and the ranks must all exit with the same code.
        for number in stop_signals():
            signal.signal(number, signal.SIG_IGN)
        if _is_rank_0():
            print(f"calobatch {options.verb.name}: {stopped}", file=sys.stderr, flush=True)
        else:
            time.sleep(SECONDS_TO_LET_RANK_0_LEAVE)
        sys.exit(stopped.exit_code)
    except KeyboardInterrupt:
        sys.exit(130)
    except Exception as error:
        # As in `calobatch check | head`. The jobs of the workflow have other pipes.
        if isinstance(error, BrokenPipeError) and options.verb.for_users:
            _say_nothing_more()
            return
        if options.traceback:
            traceback.print_exc()
        told = error_to_tell(error)
        if not _is_rank_0():
            # Most mistakes happen on all ranks at once. The other ranks wait, so that only rank 0
            # reports the mistake: the launcher then stops the others before they report it too.
            time.sleep(SECONDS_FOR_RANK_0_TO_SPEAK)
        print(f"calobatch {options.verb.name}: {told}", file=sys.stderr)
        sys.exit(told.exit_code)


def _say_nothing_more() -> None:
    """Make nothing fail that is still printed to a pipe that nobody reads any more."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _is_rank_0() -> bool:
    return os.environ.get("CALOBATCH_RANK", "0") == "0"


class _Version(argparse.Action):
    def __call__(self, *_: object) -> None:
        """Print the version, which is only looked up now, because that takes 60 ms."""
        from calobatch.provenance import version_of

        print(f"calobatch {version_of('calobatch') or 'that is not installed'}")
        sys.exit()


def _parser() -> argparse.ArgumentParser:
    called = [f"  {verb.name:20}{verb.help}" for verb in VERBS if not verb.for_users]
    parser = argparse.ArgumentParser(
        prog="calobatch",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog="\n".join(["verbs that the workflow itself calls:", *called]),
    )
    parser.add_argument("--version", action=_Version, nargs=0, help="print the version")
    parser.add_argument(
        "--traceback",
        action="store_true",
        default=bool(os.environ.get("CALOBATCH_TRACEBACK")),
        help="show the traceback of an error (or set CALOBATCH_TRACEBACK=1)",
    )
    verbs = parser.add_subparsers(
        dest="name", required=True, metavar="VERB", help="see `calobatch VERB --help`"
    )
    for verb in VERBS:
        # A verb without `help` is not in the list of verbs.
        shown: dict[str, Any] = {"help": verb.help} if verb.for_users else {}
        added = verbs.add_parser(verb.name, description=verb.help, **shown)
        verb.add_options(added)
        added.set_defaults(verb=verb)
    return parser


if __name__ == "__main__":
    main()
