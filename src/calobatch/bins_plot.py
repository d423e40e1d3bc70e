"""Draw the AUC in bins of a quantity, with its interval and the AUC of all events."""

from matplotlib.axes import Axes

from calobatch.plotting import BLACK, GREY
from calobatch.run.interpretation import Quantity

# If the highest edge is this many times the lowest, the axis is logarithmic.
WIDE = 10


def draw_bins(axes: Axes, quantity: Quantity, auc: float, colour: str = BLACK) -> None:
    """Draw the bins of a ``quantity``. ``auc`` is that of all test events."""
    bins = quantity.bins
    # The outermost bins can reach far beyond most of their events.
    wide = bins[0].low > 0 and bins[-1].high > WIDE * bins[0].low
    middle = [(b.low * b.high) ** 0.5 if wide else (b.low + b.high) / 2 for b in bins]
    axes.axhline(auc, color=GREY, linestyle=":", linewidth=1.2)
    axes.errorbar(
        middle,
        [b.auc for b in bins],
        xerr=(
            [m - b.low for m, b in zip(middle, bins, strict=True)],
            [b.high - m for m, b in zip(middle, bins, strict=True)],
        ),
        yerr=([b.auc - b.auc_low for b in bins], [b.auc_high - b.auc for b in bins]),
        fmt="o",
        markersize=4,
        color=colour,
        linewidth=1.5,
    )
    unit = f" [{quantity.unit}]" if quantity.unit else ""
    axes.set(xlabel=f"{quantity.name}{unit}", ylabel="test AUC", xscale="log" if wide else "linear")
