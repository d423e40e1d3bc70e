"""Tables of the last full run, written into pages between two marks."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.comparison import Goal
from benchmarks.table import number

BEGIN, END = "<!-- make bench writes from here -->\n", "<!-- to here -->"

Rows = Callable[[dict[str, Any]], bool]


def has_goal(row: dict[str, Any]) -> bool:
    """Return whether a row of results.json is held to a goal."""
    return bool(row.get("goal"))


def is_option(row: dict[str, Any]) -> bool:
    """Return whether a row of results.json is an option of a training."""
    return row["subject"] == "options" and "value" in row


# The rows that each page shows.
PAGES: dict[str, Rows] = {"README.md": has_goal, "docs/speed/README.md": is_option}


def with_table(page: str, content: dict[str, Any], shown: Rows) -> str:
    """Return the page with the table of ``content`` (results.json) in the place of the old."""
    before, _, rest = page.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}{markdown(content, shown)}\n{END}{after}"


def markdown(content: dict[str, Any], shown: Rows) -> str:
    """Return the rows that are shown, and what they were measured on."""
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


def _line(row: dict[str, Any]) -> str:
    goal = row["goal"] and Goal(row["goal"]["bound"], row["goal"]["at_most"])
    spread = row["note"] or f"{number(row['low'])} to {number(row['high'])}"
    value = f"{number(row['value'])} {row['value_unit']}"
    mark = "missed" if goal and not goal.reached(row["value"]) else ""
    return f"| {row['what']} | {row['against']} | {value} | {spread} | {goal or ''} | {mark} |"


def update(checkout: Path, content: dict[str, Any]) -> None:
    """Write the tables of ``content`` into the pages."""
    for name, shown in PAGES.items():
        page = checkout / name
        text = page.read_text(encoding="utf-8")
        page.write_text(with_table(text, content, shown), encoding="utf-8")
