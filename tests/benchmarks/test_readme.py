"""The README shows what results.json has, and nothing else of it is touched."""

import json
from pathlib import Path

from benchmarks.readme import BEGIN, END, markdown, with_table

ROOT = Path(__file__).parents[2]
RESULTS = ROOT / "benchmarks/results.json"


def test_the_table_in_the_readme_is_that_of_the_results():
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert with_table(readme, json.loads(RESULTS.read_text(encoding="utf-8"))) == readme


def test_only_what_is_between_the_marks_changes():
    content = json.loads(RESULTS.read_text(encoding="utf-8"))
    written = with_table(f"before\n{BEGIN}old\n{END}\nafter\n", content)
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
    line = markdown({"machine": machine, "rows": [row]}).splitlines()[-1]
    assert line == "| a | b | 0.5 x | 0.4 to 0.6 | >= 1 | missed |"
