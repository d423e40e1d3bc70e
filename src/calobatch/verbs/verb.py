"""What a verb is, and the ways in which verbs read their arguments."""

import argparse
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple


class Verb(NamedTuple):
    """One verb: its name, one line of help, its options, and what it does with them."""

    name: str
    help: str
    add_options: Callable[[argparse.ArgumentParser], None]
    action: Callable[[argparse.Namespace], None]


def json_object(text: str) -> dict[str, Any]:
    """Read a JSON object: the text itself, or the content of the file that the text names."""
    try:
        if not text.lstrip().startswith("{"):
            text = Path(text).read_text(encoding="utf-8")
        content = json.loads(text)
    except (OSError, json.JSONDecodeError) as error:
        raise argparse.ArgumentTypeError(f"neither JSON nor a JSON file: {error}") from None
    if not isinstance(content, dict):
        raise argparse.ArgumentTypeError("expected a JSON object")
    return content


def add_settings(parser: argparse.ArgumentParser) -> None:
    """Add the option by which rules hand settings to a stage."""
    parser.add_argument("--settings", type=json_object, required=True, metavar="JSON")


def add_overrides(parser: argparse.ArgumentParser) -> None:
    """Add the option that changes keys of a scenario."""
    parser.add_argument(
        "--set", default="", metavar="KEY=VALUE", dest="overrides",
        help="change keys of the scenario, such as tasks.electron_photon_cnn.epochs=5",
    )  # fmt: skip


def add_command(parser: argparse.ArgumentParser) -> None:
    """Add the rest of the command line, which is a command to start."""
    parser.add_argument("command", nargs=argparse.REMAINDER)


def command_of(options: argparse.Namespace) -> list[str]:
    """Return the command to start, without the `--` that may stand before it."""
    words: list[str] = options.command
    return words[1:] if words[:1] == ["--"] else words
