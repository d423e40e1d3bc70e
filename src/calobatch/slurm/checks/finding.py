"""What a check found."""

from enum import StrEnum
from typing import NamedTuple


class Mark(StrEnum):
    """How a check ended, as it is printed."""

    OK = "ok"
    WARNING = "warning"
    FAILED = "FAILED"
    SKIPPED = "skipped"


class Finding(NamedTuple):
    """The outcome of one check. ``suffices``: checks that need this one can follow."""

    mark: Mark
    result: str
    mend: str = ""
    suffices: bool = True


def ok(result: str) -> Finding:
    """All is well."""
    return Finding(Mark.OK, result)


def warning(result: str, mend: str, *, suffices: bool = True) -> Finding:
    """Jobs can run, but may wait, be slow or meet the limit named here."""
    return Finding(Mark.WARNING, result, mend, suffices)


def failed(result: str, mend: str) -> Finding:
    """Jobs would fail."""
    return Finding(Mark.FAILED, result, mend, suffices=False)


def skipped(reason: str) -> Finding:
    """There is nothing to look at."""
    return Finding(Mark.SKIPPED, reason, suffices=False)
