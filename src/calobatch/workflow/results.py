"""Where the results of a scenario are, and what the user is told when all of them are there."""

from pathlib import Path

from calobatch.config.explain import closest_to
from calobatch.config.load import CONFIG
from calobatch.config.models import Scenario
from calobatch.errors import UserError
from calobatch.run.name import runs_of

RESULTS = Path("results")
LOGS = Path("logs")
LEADERBOARD = "leaderboard.csv"


def leaderboard_of(name: str, results: Path = RESULTS) -> Path:
    """Return the leaderboard of the scenario ``name``.

    Raises UserError if there is none, which says whether the scenario has not run yet or its name
    is unknown.
    """
    path = results / name / LEADERBOARD
    if path.exists():
        return path
    if (CONFIG / f"{name}.yaml").exists():
        raise UserError(
            f"{path} does not exist; run the scenario first: `make run SCENARIO={name}`"
        )
    known = [p.parent.name for p in results.glob(f"*/{LEADERBOARD}")]
    if not known:
        raise UserError(f"{results} has no results of any scenario; start with `make run`")
    raise UserError(f"{results} has no results of a scenario {name!r}{closest_to(name, known)}")


def end_of_success(scenario: Scenario) -> str:
    """Return the last line of a run in which everything finished."""
    number = len(runs_of(scenario))
    trainings = "The training has" if number == 1 else f"All {number} trainings have"
    return (
        f"{trainings} finished; `calobatch leaderboard {scenario.name}` prints the "
        f"results, and {RESULTS / scenario.name / 'report.html'} shows them"
    )
