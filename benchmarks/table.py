"""Format the rows as text."""

from collections.abc import Sequence

from benchmarks.comparison import Row, Skipped

HEADER = ("what", "ours", "against", "theirs", "ratio", "spread", "goal", "")
MARKS = {True: "reached", False: "MISSED", None: ""}


def table(lines: Sequence[Row | Skipped]) -> str:
    """Return the table with one line per row; below it, what was skipped and why."""
    rows = [line for line in lines if isinstance(line, Row)]
    skipped = [line for line in lines if isinstance(line, Skipped)]
    cells = [HEADER, *(_cells(row) for row in rows)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    text = ["  ".join(map(str.ljust, row, widths)).rstrip() for row in cells]
    text.insert(1, "-" * (sum(widths) + 2 * len(widths) - 2))
    return "\n".join(text + [f"skipped: {line.what}: {line.reason}" for line in skipped])


def _cells(row: Row) -> tuple[str, ...]:
    return (
        row.what,
        f"{number(row.ours)} {row.unit}",
        row.against,
        "" if row.theirs is None else f"{number(row.theirs)} {row.unit}",
        f"{number(row.value)} {row.value_unit}",
        row.note or f"{number(row.low)} .. {number(row.high)}",
        "" if row.goal is None else str(row.goal),
        MARKS[row.reached],
    )


def number(value: float) -> str:
    """Return a number with three significant digits, or as an integer from 100 on."""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"
