"""The results of a scenario with two small but real trainings."""

from typing import NamedTuple

import pytest

from calobatch.config.scenario import Scenario
from calobatch.run.folder import read_run
from calobatch.run.leaderboard_of_runs import write_leaderboard
from tests.trained_scenario import runs, scenario

__all__ = ["runs", "scenario"]


class Results(NamedTuple):
    """The arguments of publish that come from a finished scenario."""

    scenario: Scenario
    results: object
    leaderboard: object


@pytest.fixture(scope="session")
def results(scenario, runs):
    folder = runs[0].parents[1]
    found = [read_run(run) for run in runs]
    board = folder / "leaderboard.csv"
    write_leaderboard(scenario, found, {run.record.name: "0" * 32 for run in found}, board)
    (folder / "report.html").write_text("<html></html>")
    return Results(scenario, folder, board)
