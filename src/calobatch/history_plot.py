"""Draw the history of one training: losses, validation AUC and learning rate by epoch."""

from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, NullLocator

from calobatch.plotting import BLACK, GREY, SPLIT_COLOURS, SPLIT_LINES
from calobatch.run.history import Epoch, best_epoch

# With more epochs than this, the markers of neighbouring epochs would touch each other.
MOST_MARKERS = 60
# In a small panel, the curves take this fraction of the height; the legend is above them.
CURVES_BELOW_LEGEND = 0.75


def draw_history(figure: Figure, history: Sequence[Epoch], *, compact: bool = False) -> Figure:
    """Draw losses, validation AUC and learning rate by epoch, and mark the best epoch.

    The best epoch is the one whose weights the run keeps. ``compact`` is for small figures with a
    caption of their own: no learning rate, and legends without numbers. Returns ``figure``.
    """
    heights = (3, 3) if compact else (3, 3, 2)
    loss, auc, *rest = figure.subplots(len(heights), sharex=True, height_ratios=heights)
    epochs = [epoch.epoch for epoch in history]
    best = best_epoch(history)

    def curve(axes: Axes, values: Sequence[float], split: str, label: str = "") -> None:
        axes.plot(
            epochs,
            values,
            color=SPLIT_COLOURS[split],
            linestyle=SPLIT_LINES[split],
            marker="o" if len(epochs) <= MOST_MARKERS else "",
            markersize=4,
            label=label,
        )

    train = "train" if compact else "train, mean over the epoch"
    curve(loss, [epoch.train_loss for epoch in history], "train", train)
    curve(loss, [epoch.validation_loss for epoch in history], "validation", "validation")
    curve(auc, [epoch.validation_auc for epoch in history], "validation")
    for axes in rest:
        curve(axes, [epoch.learning_rate for epoch in history], "test")
    for axes in (loss, auc, *rest):
        # In a small panel the line ends below the legend.
        top = CURVES_BELOW_LEGEND if compact and axes is loss else 1
        axes.axvline(best.epoch, 0, top, color=GREY, linestyle=":", linewidth=1.2, zorder=0)
    star = f"best: epoch {best.epoch}, {best.validation_auc:.4f}"
    auc.plot(best.epoch, best.validation_auc, "*", color=BLACK, markersize=13, linestyle="none",
             label=star)  # fmt: skip
    loss.margins(y=0.15)
    auc.margins(y=0.15)
    loss.set_ylabel("loss")
    auc.set_ylabel("validation AUC")
    for axes in rest:
        axes.set_ylabel("learning rate")
        # The rate after a cosine schedule of one epoch is zero. Matplotlib warns about an axis from
        # 0 to 0, so it chooses the upper end itself then.
        axes.set_ylim(0, 1.25 * max(epoch.learning_rate for epoch in history) or None)
        axes.yaxis.set_major_locator(MaxNLocator(3))
        axes.yaxis.set_major_formatter("{x:g}")
    lowest = (loss, auc, *rest)[-1]
    lowest.set(xlabel="epoch", xlim=(epochs[0] - 0.5, epochs[-1] + 0.5))
    lowest.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    lowest.xaxis.set_minor_locator(NullLocator())
    if compact:
        # A small panel has no corner without curves, so the legend gets room above them.
        low, high = loss.get_ylim()
        loss.set_ylim(low, low + (high - low) / CURVES_BELOW_LEGEND)
        loss.legend(loc="upper right", ncols=2)
    else:
        loss.legend()
        auc.legend()
    figure.align_ylabels()
    return figure
