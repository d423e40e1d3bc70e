"""Draw the rows as a chart that shows how far each is from its goal."""

from collections.abc import Sequence
from pathlib import Path

from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter

from benchmarks.comparison import Row
from benchmarks.table import number

# From Okabe and Ito's palette, which people with any kind of colour vision can tell apart.
REACHED, MISSED, SPREAD = "#0072B2", "#D55E00", "#000000"
INCHES_PER_ROW = 0.36


def draw(rows: Sequence[Row], path: Path, title: str) -> None:
    """Draw each row that has a goal as a bar; a bar to the right of 1 has reached its goal."""
    with_goal = [(row, row.goal) for row in rows if row.goal][::-1]
    ends = [sorted(map(goal.share, (row.low, row.high))) for row, goal in with_goal]
    height = 1.6 + INCHES_PER_ROW * len(with_goal)
    figure = Figure(figsize=(11, height), layout="constrained", dpi=110)
    axes = figure.subplots()
    for place, ((row, goal), (low, high)) in enumerate(zip(with_goal, ends, strict=True)):
        # Bars begin at 1, so that the same factor has the same length on both sides.
        colour, share = REACHED if row.reached else MISSED, goal.share(row.value)
        axes.barh(place, share - 1, left=1, color=colour, height=0.62)
        axes.plot([low, high], [place, place], color=SPREAD, linewidth=1.5)
        axes.text(max(high, 1) * 1.08, place, _label(row), va="center", fontsize=7)
    names = [f"{row.what}\nagainst {row.against}" for row, _ in with_goal]
    axes.set_yticks(range(len(with_goal)), names)
    axes.tick_params(axis="y", labelsize=7, length=0)
    axes.set_ylim(-0.6, len(with_goal) - 0.4)
    axes.set_xscale("log")
    axes.set_xlim(
        min([0.5, *(low for low, _ in ends)]) / 1.2, max([2, *(high for _, high in ends)]) * 5
    )
    axes.axvline(1, color=SPREAD, linewidth=1)
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.set_xlabel(
        "value / goal (for limits goal / value), median and spread; the goal is reached from 1 on"
    )
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.set_title(title, fontsize=9, loc="left")
    figure.savefig(path)


def _label(row: Row) -> str:
    mark = "" if row.reached else ", missed"
    return f"{number(row.value)} {row.value_unit} (goal {row.goal}{mark})"
