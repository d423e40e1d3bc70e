"""The pages show what results.json has, and nothing else of them is touched."""

import json
from pathlib import Path

import pytest

from benchmarks.readme import BEGIN, END, PAGES, has_goal, markdown, with_table

ROOT = Path(__file__).parents[2]
RESULTS = ROOT / "benchmarks/results.json"


@pytest.mark.parametrize(("name", "shown"), PAGES.items())
def test_the_table_of_a_page_is_that_of_the_results(name, shown):
    page = (ROOT / name).read_text(encoding="utf-8")
    assert with_table(page, json.loads(RESULTS.read_text(encoding="utf-8")), shown) == page


def test_only_what_is_between_the_marks_changes():
    content = json.loads(RESULTS.read_text(encoding="utf-8"))
    written = with_table(f"before\n{BEGIN}old\n{END}\nafter\n", content, has_goal)
    assert written.startswith(f"before\n{BEGIN}Measured on ")
    assert written.endswith(f"|\n{END}\nafter\n")
    assert "old" not in written


def test_a_missed_goal_is_called_missed():
    row = {
        "what": "a", "against": "b", "value": 0.5, "value_unit": "x", "low": 0.4, "high": 0.6,
        "note": "", "goal": {"bound": 1.0, "at_most": False},
    }  # fmt: skip
    machine = {
        "date": "2026-01-01", "cores": 2, "processor": "p", "packages": {"torch": "2"}, "minutes": 1
    }  # fmt: skip
    line = markdown({"machine": machine, "rows": [row]}, has_goal).splitlines()[-1]
    assert line == "| a | b | 0.5 x | 0.4 to 0.6 | >= 1 | missed |"
