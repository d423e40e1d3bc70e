"""Format forecasts as a table for a terminal."""

from collections.abc import Sequence

from calobatch.plan.measurements import TrainingSpeed
from calobatch.plan.plan import Forecast

COLUMNS = (
    "GPUs", "nodes", "events/GPU", "events/s", "measured", "efficiency", "hours", "node hours",
    "communication",
)  # fmt: skip


def as_table(forecasts: Sequence[Forecast], measured: Sequence[TrainingSpeed]) -> str:
    """Return a table with one line per forecast.

    The column ``measured`` has the events/s of a measured training with the same number of ranks
    and the same batch, if there is one.
    """
    rows = [COLUMNS, *(_row(forecast, measured) for forecast in forecasts)]
    widths = [max(len(row[i]) for row in rows) for i in range(len(COLUMNS))]
    return "\n".join(
        "  ".join(cell.rjust(width) for cell, width in zip(row, widths, strict=True))
        for row in rows
    )


def _row(forecast: Forecast, measured: Sequence[TrainingSpeed]) -> tuple[str, ...]:
    batch = round(forecast.local_batch * forecast.gpus)  # of all GPUs, as in a measured training
    tried = [
        speed.events_per_second
        for speed in measured
        if (speed.ranks, speed.batch_size) == (forecast.gpus, batch)
    ]
    return (
        str(forecast.gpus),
        str(forecast.nodes),
        f"{forecast.local_batch:.4g}",
        f"{forecast.events_per_second:,.0f}",
        f"{max(tried):,.0f}" if tried else "-",
        f"{forecast.efficiency:.1%}",
        f"{forecast.hours:.3g}",
        f"{forecast.node_hours:.3g}",
        f"{forecast.communication:.1%}",
    )
