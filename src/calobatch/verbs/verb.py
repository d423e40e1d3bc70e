"""What a verb consists of, and the options that several verbs share."""

import argparse
import shlex
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple


class Verb(NamedTuple):
    """One verb: its name, one line of help, a function that adds its options, and its action.

    ``for_users`` says whether users type it; the other verbs are called by the workflow.
    """

    name: str
    help: str
    add_options: Callable[[argparse.ArgumentParser], None]
    action: Callable[[argparse.Namespace], None]
    for_users: bool = False


def json_object(text: str) -> dict[str, Any]:
    """Return the JSON object that ``text`` contains, or that is in the file named ``text``."""
    from calobatch.record import checked_content

    try:
        if not text.lstrip().startswith("{"):
            text = Path(text).read_text(encoding="utf-8")
        content = checked_content(text)
    except (OSError, ValueError) as error:
        raise argparse.ArgumentTypeError(
            f"expected a JSON object, or a file that contains one: {error}"
        ) from None
    if not isinstance(content, dict):
        raise argparse.ArgumentTypeError(f"expected a JSON object, found {type(content).__name__}")
    return content


def add_settings(parser: argparse.ArgumentParser) -> None:
    """Add the option with which rules pass the settings of a stage."""
    parser.add_argument(
        "--settings", type=json_object, required=True, metavar="JSON",
        help="settings as a JSON object, or the name of a file that contains one",
    )  # fmt: skip


class _Joined(argparse.Action):
    """Takes an option that is given several times as all its texts, with a space between them."""

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: str | Sequence[Any] | None,
        option_string: str | None = None,
    ) -> None:
        before = getattr(namespace, self.dest)
        setattr(namespace, self.dest, f"{before} {values}" if before else values)


def add_overrides(parser: argparse.ArgumentParser) -> None:
    """Add the option that changes keys of the scenario."""
    parser.add_argument(
        "--set", action=_Joined, default="", metavar="KEY=VALUE", dest="overrides",
        help="changes to keys of the scenario, separated by spaces, for example "
        "'tasks.electron_photon_cnn.epochs=5 seeds=[1,2]'",
    )  # fmt: skip


def add_last_overrides(parser: argparse.ArgumentParser) -> None:
    """Add the option that names the changes with which the scenario ran."""
    parser.add_argument(
        "--set", action=_Joined, metavar="KEY=VALUE", dest="overrides",
        help="changes to keys of the scenario with which it ran (default: those of its last run)",
    )  # fmt: skip


def overrides_of(options: argparse.Namespace) -> str:
    """Return the changes that the user names, or else those of the scenario's last run."""
    from calobatch.workflow.last_changes import last_changes

    if options.overrides is not None:
        return str(options.overrides)
    changes = last_changes(Path(options.scenario).stem)
    if changes:
        print(
            f"calobatch: using the changes of the last run, --set {shlex.quote(changes)}",
            file=sys.stderr,
        )
    return changes


def add_command(parser: argparse.ArgumentParser) -> None:
    """Add the command to start: all words that follow."""
    parser.add_argument(
        "command", nargs=argparse.REMAINDER, help="command to start; -- may be put before it"
    )


def add_scenario(parser: argparse.ArgumentParser) -> None:
    """Add the option that chooses a scenario."""
    parser.add_argument(
        "--scenario", default="quickstart", metavar="NAME",
        help="scenario in config/, or path to a YAML file (default: quickstart)",
    )  # fmt: skip


def add_workers(parser: argparse.ArgumentParser) -> None:
    """Add the option that sets the number of processes of a stage."""
    parser.add_argument(
        "--workers", type=int, default=1, metavar="N",
        help="number of processes; the output does not depend on it (default: 1)",
    )  # fmt: skip


def command_of(options: argparse.Namespace) -> list[str]:
    """Return the command to start, without the `--` that may be put before it."""
    words: list[str] = options.command
    return words[1:] if words[:1] == ["--"] else words
