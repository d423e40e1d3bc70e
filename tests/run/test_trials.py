"""The files of a search say what a task is trained with."""

import json

import pytest

from calobatch.errors import UserError
from calobatch.run.trials import (
    WINNER,
    files_of_searches,
    finished_searches,
    ranked,
    read_winner,
    search_folder,
    trained_with,
    write_winner,
)
from tests.run.examples import scenario
from tests.searched import with_search, write_search

SCENARIO = with_search(scenario({}))


def test_until_the_search_has_ended_a_task_has_its_own_settings(tmp_path):
    own = SCENARIO.tasks["crops"].training()
    assert trained_with(SCENARIO, "crops", tmp_path) == own
    assert finished_searches(SCENARIO, tmp_path) == {}
    winner = write_search(SCENARIO, tmp_path)
    assert trained_with(SCENARIO, "crops", tmp_path) == winner != own
    # Without the search, what it has left is of no concern.
    assert trained_with(scenario({}), "crops", tmp_path) == own


def test_a_search_consists_of_its_proposals_outcomes_and_winner(tmp_path):
    write_search(SCENARIO, tmp_path)
    files = files_of_searches(SCENARIO, tmp_path)
    assert len(files) == len(set(files)) == 3 + 5 + 1
    assert sorted(files) == sorted(path for path in tmp_path.rglob("*") if path.is_file())
    assert files_of_searches(scenario({}), tmp_path) == []


def test_outcomes_are_read_by_round_and_the_best_is_first(tmp_path):
    write_search(SCENARIO, tmp_path)
    rounds = finished_searches(SCENARIO, tmp_path)["crops"]
    numbers = [[outcome.number for outcome in ranked(found)] for found in rounds]
    assert numbers == [[3, 1, 2], [3, 1]]
    assert [outcome.epochs for outcome in rounds[1]] == [4, 4]


def test_a_search_that_is_being_repeated_is_left_out(tmp_path):
    """Its files are then those of two searches, or some are not there as yet."""
    write_search(SCENARIO, tmp_path)
    folder = search_folder(tmp_path, "crops")
    own = SCENARIO.tasks["crops"].training()
    write_winner(own, own.epochs, folder / WINNER)
    assert finished_searches(SCENARIO, tmp_path) == {}
    write_search(SCENARIO, tmp_path)
    (folder / "step1" / "2.json").unlink()
    assert finished_searches(SCENARIO, tmp_path) == {}


def test_a_winner_that_was_changed_is_refused(tmp_path):
    write_search(SCENARIO, tmp_path)
    path = search_folder(tmp_path, "crops") / WINNER
    path.write_text(json.dumps(json.loads(path.read_text()) | {"learning_rate": 1.0}))
    with pytest.raises(UserError, match=r"winner\.json: it was changed .*; delete it, and run the"):
        read_winner(path)
