"""The changes on the command line with which a scenario last ran, so that they are given once."""

from pathlib import Path

from calobatch.atomic import write_text
from calobatch.workflow.results import RESULTS

FILE = "set.txt"


def note_changes(scenario: str, changes: str, results: Path = RESULTS) -> None:
    """Note the value of `set` with which a run of ``scenario`` starts; it may be empty."""
    write_text(results / scenario / FILE, f"{changes}\n")


def last_changes(scenario: str, results: Path = RESULTS) -> str:
    """Return the changes with which ``scenario`` last ran; none if that is not known."""
    path = results / scenario / FILE
    return path.read_text(encoding="utf-8").strip() if path.exists() else ""
