"""The page shows the trials of a search, and says what was chosen by them."""

import shutil

import pytest

from calobatch.report.report import report
from tests.report.page import read_page
from tests.searched import FAILED, with_search, write_search


@pytest.fixture(scope="module")
def page(results, tmp_path_factory):
    folder, scenario = tmp_path_factory.mktemp("searched"), with_search(results.scenario)
    write_search(scenario, folder)
    board = shutil.copy(results.leaderboard, folder / "leaderboard.csv")
    report(scenario, results.runs, results.stores, board, folder / "report.html")
    return read_page((folder / "report.html").read_text(encoding="utf-8"))


def section(page):
    return next(found for found in page.all("section") if found.attributes.get("id") == "searches")


def test_every_trial_has_a_row_and_the_winner_is_first(page):
    rows = [row.text.split() for row in section(page).all("tr")][1:]
    assert rows[0] == ["3", "winner", "0.003", "adam", "0.7420", "0.7440"]
    assert rows[1] == ["1", "0.001", "adam", "0.7120", "0.7140"]
    assert " ".join(rows[2]) == f"2 0.002 adam {FAILED}"
    assert len(rows) == 3


def test_it_says_what_decided_and_which_numbers_are_too_high(page):
    text = " ".join(section(page).text.split())
    assert "3 trials to 2 epochs, then 2 trials to 4 epochs, with seed 0" in text
    assert "The winner is trial 3: learning_rate 0.003, optimizer adam." in text
    assert "Only their validation AUCs decided" in text
    assert "The winner's validation AUC is the highest of many and therefore too high" in text


def test_a_page_without_a_search_has_no_such_section(html):
    assert "Searches" not in read_page(html).text
