"""Name the commits with which trainings ran, for a page about them."""

from collections.abc import Sequence

from calobatch.run.folder import RunFolder
from calobatch.words import joined


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
