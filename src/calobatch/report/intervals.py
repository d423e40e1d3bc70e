"""Draw the AUC chart of the leaderboard: per row, the AUC with its interval and the references."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from jinja2 import Environment
from markupsafe import Markup

from calobatch.report.ensembles import EnsembleRow
from calobatch.report.rows import RunRow, TaskRow

WIDTH, HEIGHT, MARGIN = 170, 26, 14  # pixels
STEPS = (0.01, 0.02, 0.05, 0.1, 0.2)  # possible distances between grid lines

ENVIRONMENT = Environment(autoescape=True)
CHART = ENVIRONMENT.from_string(
    """<svg class="interval" role="img" viewBox="0 0 {{ width }} {{ height }}" \
width="{{ width }}" height="{{ height }}"><title>{{ alternative }}</title>
{% for x, value in grid %}<path class="grid{{ " chance" if value == 0.5 }}" \
d="M{{ x }} 0V{{ height }}"/>{% endfor %}
{% for split, x in references %}<path class="reference {{ split }}" \
d="M{{ x }} {{ middle - 8 }}l5 8l-5 8l-5 -8z"/>{% endfor %}
{% if validation %}<circle class="validation" cx="{{ validation }}" cy="{{ middle }}" r="4" \
stroke="{{ colour }}"/>{% endif %}
<path d="M{{ low }} {{ middle }}H{{ high }}" stroke="{{ colour }}" stroke-width="2.5"/>
<circle cx="{{ test }}" cy="{{ middle }}" r="4.5" fill="{{ colour }}"/></svg>"""
)
HEAD = ENVIRONMENT.from_string(
    """<svg class="interval" role="img" viewBox="0 0 {{ width }} 18" width="{{ width }}" \
height="18"><title>AUC from {{ first }} to {{ last }}</title>
{% for x, value in ticks %}<text x="{{ x }}" y="13" text-anchor="middle">{{ value }}</text>
{% endfor %}</svg>"""
)


@dataclass(frozen=True)
class Axis:
    """The AUC axis that all rows share."""

    low: float
    high: float
    step: float

    def place(self, auc: float) -> float:
        """Return the position of an AUC in pixels from the left."""
        share = (auc - self.low) / (self.high - self.low)
        return round(MARGIN + share * (WIDTH - 2 * MARGIN), 1)

    def ticks(self) -> list[float]:
        """Return the values of the grid lines."""
        count = round((self.high - self.low) / self.step)
        return [round(self.low + number * self.step, 2) for number in range(count + 1)]

    def head(self) -> Markup:
        """Return the labels of the axis as SVG, for the head of the column."""
        ticks = [(self.place(value), f"{value:g}") for value in self.ticks()]
        return Markup(  # noqa: S704
            HEAD.render(width=WIDTH, ticks=ticks, first=ticks[0][1], last=ticks[-1][1])
        )


def axis_for(rows: Sequence[TaskRow], ensembles: Sequence[EnsembleRow] = ()) -> Axis:
    """Return an axis that contains every AUC and reference, with at most six grid lines."""
    values = [value for row in rows for value in _values(row)]
    for row in ensembles:
        values += [row.test.auc_low, row.test.auc_high, row.validation.auc]
    low, high = min(values), max(values)
    step = next((step for step in STEPS if (high - low) / step <= 4), STEPS[-1])
    first, last = math.floor(low / step), math.ceil(high / step)
    return Axis(first * step, max(last, first + 1) * step, step)


def _values(row: TaskRow) -> Iterable[float]:
    mean, deviation = row.test_auc
    yield from (mean - (deviation or 0), mean + (deviation or 0))
    yield from references(row).values()
    for run in row.runs:
        yield from (run.test.auc_low, run.test.auc_high, run.validation.auc)


def references(row: TaskRow) -> dict[str, float]:
    """Return the published AUC of each split that a result is compared with: all but train."""
    return {str(s): auc for s, auc in row.task.reference_auc.items() if s != "train"}


def chart_of_run(axis: Axis, row: TaskRow, run: RunRow) -> Markup:
    """Draw the chart of one run: test AUC with its interval, validation AUC, references."""
    ends = (run.test.auc_low, run.test.auc_high)
    name = f"{row.name}, {run.name.number}"
    return _chart(axis, name, row.colour, run.test.auc, ends, run.validation.auc, references(row))


def chart_of_ensemble(axis: Axis, row: EnsembleRow) -> Markup:
    """Draw the chart of an ensemble: test AUC with its interval, and validation AUC."""
    ends = (row.test.auc_low, row.test.auc_high)
    return _chart(axis, row.name, "currentColor", row.test.auc, ends, row.validation.auc, {})


def chart_of_mean(axis: Axis, row: TaskRow) -> Markup:
    """Draw the chart of the mean over runs, with one standard deviation on each side."""
    mean, deviation = row.test_auc
    ends = (mean - (deviation or 0), mean + (deviation or 0))
    name, validation = f"{row.name}, {row.number}", row.validation_auc.mean
    return _chart(axis, name, row.colour, mean, ends, validation, references(row))


def _chart(
    axis: Axis,
    name: str,
    colour: str,
    test: float,
    ends: tuple[float, float],
    validation: float,
    published: Mapping[str, float],
) -> Markup:
    words = [
        f"{name}: test AUC {test:.4f}",
        f"{ends[0]:.4f} to {ends[1]:.4f}",
        f"validation AUC {validation:.4f}",
        *(f"reference {auc} ({split})" for split, auc in published.items()),
    ]
    return Markup(  # noqa: S704
        CHART.render(
            width=WIDTH,
            height=HEIGHT,
            middle=HEIGHT / 2,
            colour=colour,
            alternative=", ".join(words),
            grid=[(axis.place(value), value) for value in axis.ticks()],
            references=[(split, axis.place(auc)) for split, auc in published.items()],
            test=axis.place(test),
            low=axis.place(ends[0]),
            high=axis.place(ends[1]),
            validation=axis.place(validation),
        )
    )
