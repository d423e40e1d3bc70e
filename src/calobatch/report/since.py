"""Compare each run with the earlier one that it has replaced."""

from typing import NamedTuple

from calobatch.compare.compare import Comparison, compare, what_differs
from calobatch.errors import UserError
from calobatch.run.files import EARLIER_FOLDER, RECORD_FILE
from calobatch.run.folder import RunFolder
from calobatch.run.name import RunName
from calobatch.run.training import RunRecord


class Since(NamedTuple):
    """How a run differs from an earlier one; ``reason`` says why ``comparison`` is None."""

    name: RunName
    comparison: Comparison | None
    reason: str
    changed: tuple[str, ...]


def since_last(run: RunFolder) -> Since | None:
    """Compare a run with the last one that it has replaced; return None if it is the first."""
    kept = run.folder.parents[1] / EARLIER_FOLDER / run.record.task
    # The names end with the time at which the runs finished.
    earlier = sorted(kept.glob(f"{run.folder.name}-*/{RECORD_FILE}"))
    if not earlier:
        return None
    try:
        changed = what_differs(RunRecord.read(earlier[-1]), run.record)
        found = compare(earlier[-1].parent, run.folder)
    except UserError as error:
        return Since(run.record.name, None, str(error), ())
    return Since(run.record.name, found, "", tuple(changed))
