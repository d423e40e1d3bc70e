"""The table of the last full run, written into the README between two marks."""

from pathlib import Path
from typing import Any

from benchmarks.measure import Goal
from benchmarks.table import number

BEGIN, END = "<!-- make bench writes from here -->\n", "<!-- to here -->"


def with_table(readme: str, content: dict[str, Any]) -> str:
    """Return the README with the table of ``content`` (results.json) in the place of the old."""
    before, _, rest = readme.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}{markdown(content)}\n{END}{after}"


def markdown(content: dict[str, Any]) -> str:
    """Return the rows that have a goal, and what they were measured on."""
    machine = content["machine"]
    lines = [
        f"Measured on {machine['date'][:10]} on {machine['cores']} cores ({machine['processor']}), "
        f"torch {machine['packages']['torch']}, in {machine['minutes']:.0f} minutes; median, and "
        "least to greatest:",
        "",
        "| what | against | ratio | spread | goal | |",
        "|---|---|---|---|---|---|",
        *(_line(row) for row in content["rows"] if row.get("goal")),
    ]
    return "\n".join(lines)


def _line(row: dict[str, Any]) -> str:
    goal = Goal(row["goal"]["bound"], row["goal"]["at_most"])
    spread = row["note"] or f"{number(row['low'])} to {number(row['high'])}"
    value = f"{number(row['value'])} {row['value_unit']}"
    mark = "" if goal.reached(row["value"]) else "missed"
    return f"| {row['what']} | {row['against']} | {value} | {spread} | {goal} | {mark} |"


def update(readme: Path, content: dict[str, Any]) -> None:
    """Write the table of ``content`` into the README."""
    text = readme.read_text(encoding="utf-8")
    readme.write_text(with_table(text, content), encoding="utf-8")
