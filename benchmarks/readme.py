"""Write tables of the last full run into the pages, each between two marks."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks.comparison import Goal
from benchmarks.table import number

# A row in the form in which results.json has it.
JsonRow = dict[str, Any]
# The rows that the README shows, one per subject: what is measured, and against what.
MAIN_RESULTS = {
    "pack": "pack jets.* against to_pandas",
    "memory": "memory of pack.* jets.* against 1 GiB",
    "batches": "batches.* against DataLoader over h5py",
    "training": "loop, electron_photon_two_branch.* against one fixed batch",
    "quickstart": "whole quickstart.* against simulate",
}


def has_goal(row: JsonRow) -> bool:
    """Return whether a row has a goal."""
    return bool(row.get("goal"))


def is_main_result(row: JsonRow) -> bool:
    """Return whether a row is one of those that the README shows."""
    pattern = MAIN_RESULTS.get(row["subject"])
    return (
        has_goal(row)
        and pattern is not None
        and re.match(pattern, f"{row['what']} against {row['against']}") is not None
    )


def is_option(row: JsonRow) -> bool:
    """Return whether a row compares an option of a training with the defaults."""
    return row["subject"] == "options" and "value" in row


class Table(NamedTuple):
    """A table in a page. Its marks contain ``name``; ``shown`` returns whether it has a row."""

    page: str  # relative to the checkout
    name: str
    shown: Callable[[JsonRow], bool]

    @property
    def begin(self) -> str:
        """Return the mark before the table."""
        return f"<!-- make bench writes {self.name} from here -->\n"

    @property
    def end(self) -> str:
        """Return the mark after the table."""
        return f"<!-- {self.name} to here -->"


TABLES = (
    Table("README.md", "the main results", is_main_result),
    Table("docs/speed/README.md", "all results with a goal", has_goal),
    Table("docs/speed/README.md", "the options", is_option),
)


def with_table(page: str, content: dict[str, Any], table: Table) -> str:
    """Return the page with a new table between its marks; ``content`` is that of results.json.

    Raises ValueError if the page lacks a mark.
    """
    before, begin, rest = page.partition(table.begin)
    _, end, after = rest.partition(table.end)
    if not (begin and end):
        raise ValueError(f"{table.page} lacks the marks {table.begin.strip()} and {table.end}")
    return f"{before}{begin}{markdown(content, table.shown)}\n{end}{after}"


def markdown(content: dict[str, Any], shown: Callable[[JsonRow], bool]) -> str:
    """Return the rows that are ``shown`` as a table, below a line about the machine."""
    machine = content["machine"]
    lines = [
        f"Measured on {machine['date'][:10]} on {machine['cores']} cores ({machine['processor']}), "
        f"torch {machine['packages']['torch']}, in {machine['minutes']:.0f} minutes; median, and "
        "least to greatest:",
        "",
        "| what | against | ratio | spread | goal | |",
        "|---|---|---|---|---|---|",
        *(_line(row) for row in content["rows"] if shown(row)),
    ]
    return "\n".join(lines)


def _line(row: JsonRow) -> str:
    goal = row["goal"] and Goal(row["goal"]["bound"], row["goal"]["at_most"])
    spread = row["note"] or f"{number(row['low'])} to {number(row['high'])}"
    value = f"{number(row['value'])} {row['value_unit']}"
    mark = "missed" if goal and not goal.reached(row["value"]) else ""
    return f"| {row['what']} | {row['against']} | {value} | {spread} | {goal or ''} | {mark} |"


def update(checkout: Path, content: dict[str, Any]) -> None:
    """Write all tables into their pages; ``content`` is that of results.json."""
    for table in TABLES:
        page = checkout / table.page
        text = page.read_text(encoding="utf-8")
        page.write_text(with_table(text, content, table), encoding="utf-8")
