"""Say where and with which code trainings were measured, for a page about them."""

from collections.abc import Sequence

from benchmarks.machine import processor
from benchmarks.workload import CORES
from calobatch.report.cost import rank_seconds
from calobatch.run.folder import RunFolder
from calobatch.words import in_words, joined


def measured_on(runs: Sequence[RunFolder]) -> str:
    """Return sentences about this machine, the commits, and the time of all ``runs``."""
    return (
        f"Measured on {CORES} cores of {processor()} with {commits_of(runs)}. All trainings "
        f"together took {in_words(sum(map(rank_seconds, runs)))} of one core."
    )


def commits_of(runs: Sequence[RunFolder]) -> str:
    """Return, for example, "commits 647abf4ecf20 and 9cc9a3c5a9b1", in the order of trainings.

    A training that was stopped and continued has the commit that ended it. A commit with changes
    that were not committed is marked.
    """
    in_order = sorted(runs, key=lambda run: run.record.finished)
    found = list(dict.fromkeys(map(_commit, in_order)))
    word = "commit" if len(found) == 1 else "commits"
    return f"{word} {joined(found)}"


def _commit(run: RunFolder) -> str:
    origin = run.record.provenance
    if not origin.git_commit:
        return "unknown"
    return f"{origin.git_commit[:12]}{' with changes' if origin.git_dirty else ''}"
