"""The pages show what results.json has, and nothing outside of the marks changes."""

import json

import pytest

from benchmarks.readme import (
    MAIN_RESULTS,
    TABLES,
    Table,
    has_goal,
    is_main_result,
    markdown,
    update,
    with_table,
)
from calobatch.checkout import CHECKOUT

CONTENT = json.loads((CHECKOUT / "benchmarks/results.json").read_text(encoding="utf-8"))
TABLE = Table("page.md", "results", has_goal)


def table_lines(table):
    page = (CHECKOUT / table.page).read_text(encoding="utf-8")
    text = page.partition(table.begin)[2].partition(table.end)[0]
    return [line for line in text.splitlines() if line.startswith("| ")][1:]


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)
def test_each_table_in_a_page_is_that_of_the_results(table):
    page = (CHECKOUT / table.page).read_text(encoding="utf-8")
    assert with_table(page, CONTENT, table) == page
    assert table_lines(table)


def test_the_readme_has_five_rows_of_the_whole_table_in_its_order():
    main, whole, _ = TABLES
    assert len(table_lines(main)) == 5
    assert [line for line in table_lines(whole) if line in table_lines(main)] == table_lines(main)
    assert (CHECKOUT / "README.md").read_text(encoding="utf-8").count("<!-- make bench writes") == 1


def test_each_main_result_is_exactly_one_row():
    chosen = [row["subject"] for row in CONTENT["rows"] if is_main_result(row)]
    assert sorted(chosen) == sorted(MAIN_RESULTS)


def test_a_main_result_that_was_skipped_is_left_out():
    assert not is_main_result({"subject": "quickstart", "what": "whole quickstart", "reason": "?"})


def test_only_what_is_between_the_marks_changes():
    page = f"before\n{TABLE.begin}old\n{TABLE.end}\nafter\n"
    written = with_table(page, CONTENT, TABLE)
    assert written.startswith(f"before\n{TABLE.begin}Measured on ")
    assert written.endswith(f"|\n{TABLE.end}\nafter\n")
    assert "old" not in written


def test_a_page_without_marks_is_an_error():
    with pytest.raises(ValueError, match=r"page\.md lacks the marks <!-- make bench writes res"):
        with_table("before\nafter\n", CONTENT, TABLE)


def test_all_tables_are_written_into_their_pages(tmp_path):
    for name in {table.page for table in TABLES}:
        page = (CHECKOUT / name).read_text(encoding="utf-8")
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        for table in TABLES:
            old = page.partition(table.begin)[2].partition(table.end)[0]
            page = page.replace(old, "old\n") if old else page
        (tmp_path / name).write_text(page, encoding="utf-8")
    update(tmp_path, CONTENT)
    for name in {table.page for table in TABLES}:
        assert (tmp_path / name).read_bytes() == (CHECKOUT / name).read_bytes()


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
