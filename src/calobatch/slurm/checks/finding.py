"""The outcome of a check."""

from enum import StrEnum
from typing import NamedTuple


class Mark(StrEnum):
    """How a check ended, in the words that the doctor prints."""

    OK = "ok"
    WARNING = "warning"
    FAILED = "FAILED"
    SKIPPED = "skipped"


class Finding(NamedTuple):
    """The outcome of one check: what was found, and what the user can do about it.

    ``suffices`` says whether the checks that need this one can be made.
    """

    mark: Mark
    result: str
    fix: str = ""
    suffices: bool = True


def ok(result: str) -> Finding:
    """Return the finding that nothing is wrong."""
    return Finding(Mark.OK, result)


def warning(result: str, fix: str, *, suffices: bool = True) -> Finding:
    """Return the finding that jobs can run, but may wait, be slow or reach a limit."""
    return Finding(Mark.WARNING, result, fix, suffices)


def failed(result: str, fix: str) -> Finding:
    """Return the finding that jobs would fail."""
    return Finding(Mark.FAILED, result, fix, suffices=False)


def skipped(reason: str) -> Finding:
    """Return the finding that there was nothing to check."""
    return Finding(Mark.SKIPPED, reason, suffices=False)
