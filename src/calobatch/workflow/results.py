"""Where the results of a scenario are, and what a run prints when all of them are there."""

from collections.abc import Collection
from pathlib import Path

from calobatch.config.explain import closest_to
from calobatch.config.load import CONFIG
from calobatch.config.scenario import Scenario
from calobatch.config.training import Training
from calobatch.errors import UserError
from calobatch.run.changes import changes
from calobatch.run.files import METRICS_FILE, RECORD_FILE, missing_files
from calobatch.run.leaderboard import Line, cells_of, read_leaderboard
from calobatch.run.metrics import Metrics
from calobatch.run.name import RunName, runs_of
from calobatch.run.training import RunRecord
from calobatch.run.trials import trained_with

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


def trained_again(scenario: Scenario, board: Path, results: Path = RESULTS) -> list[RunName]:
    """Return the runs whose numbers in the leaderboard ``board`` are those of an earlier training.

    Such a training is being repeated, or has been repeated since the leaderboard was written.
    Raises UserError if a file of a run is damaged.
    """
    lines = {line.key: line for line in read_leaderboard(board)}
    again = []
    for run in runs_of(scenario):
        line = lines.get((run.task, run.seed, run.fold, "test"))
        folder = results / scenario.name / run.folder
        if line and (missing_files(folder, (RECORD_FILE, METRICS_FILE)) or _is_other(line, folder)):
            again.append(run)
    return again


def _is_other(line: Line, run: Path) -> bool:
    """Return whether the AUC of a line differs from its run's metrics, rounded as in the file."""
    measured = Metrics.read(run / METRICS_FILE).splits[line.split]
    return cells_of(line)["auc"] != cells_of(line.model_copy(update={"auc": measured.auc}))["auc"]


def what_differs(
    scenario: Scenario, results: Path = RESULTS, without: Collection[RunName] = ()
) -> list[str]:
    """Say which trainings of ``scenario`` have no results, or results of other settings.

    Settings differ if the scenario's file has changed since, or if it ran with changes on the
    command line. The runs ``without`` are left out.
    """
    missing, changed = [], {}
    for run in runs_of(scenario):
        if run in without:
            continue
        record = results / scenario.name / run.folder / RECORD_FILE
        if not record.exists():
            missing.append(str(run))
        elif found := _changes(
            RunRecord.read(record).training,
            trained_with(scenario, run.task, results / scenario.name),
        ):
            changed[run.task] = f"{run.task} was trained with {found}"
    return [*changed.values(), *([f"no results of {', '.join(missing)}"] if missing else [])]


def require_results_of(scenario: Scenario, results: Path = RESULTS) -> None:
    """Raise UserError unless all results are there, made with the settings of ``scenario``."""
    if lines := what_differs(scenario, results):
        raise UserError(
            f"the results of {scenario.name} do not match its settings: {'; '.join(lines)}; "
            "name the changes with which it ran, as in --set 'seeds=[1,2]', or run it again"
        )


def _changes(made_with: Training, settings: Training) -> str:
    """Return the keys that differ, with both their values; an empty text if none does."""
    found = changes(made_with, settings)
    return ", ".join(f"{key} {before} (now {now})" for key, (before, now) in found.items())


def end_of_success(scenario: Scenario) -> str:
    """Return the last line of a run in which everything finished."""
    number = len(runs_of(scenario))
    trainings = "The training has" if number == 1 else f"All {number} trainings have"
    return (
        f"{trainings} finished; `calobatch leaderboard {scenario.name}` prints the "
        f"results, and {RESULTS / scenario.name / 'report.html'} shows them"
    )
