"""choose: find the best trial, with whose settings the task is trained."""

from collections.abc import Sequence

from calobatch.run.trials import Outcome, ranked, require_success


def choose(task: str, outcomes: Sequence[Outcome]) -> Outcome:
    """Return the outcome with the highest validation AUC. Raises UserError if all have failed."""
    best = ranked(outcomes)
    require_success(task, best)
    return best[0]
