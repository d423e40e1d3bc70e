"""The history of one training as a drawing: losses, validation AUC and learning rate by epoch."""

from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, NullLocator

from calobatch.plotting import BLACK, GREY, SPLIT_COLOURS, SPLIT_LINES
from calobatch.run.history import Epoch, best_epoch

# With more epochs than this the markers of neighbouring epochs would touch.
MOST_MARKERS = 60


def draw_history(figure: Figure, history: Sequence[Epoch], *, learning_rate: bool) -> Figure:
    """Draw losses and validation AUC by epoch, and the learning rate if asked for.

    The best epoch, whose weights the run keeps, is marked.
    """
    heights = (3, 3, 2) if learning_rate else (3, 3)
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

    curve(loss, [epoch.train_loss for epoch in history], "train", "train, mean over the epoch")
    curve(loss, [epoch.validation_loss for epoch in history], "validation", "validation")
    curve(auc, [epoch.validation_auc for epoch in history], "validation")
    for axes in rest:
        curve(axes, [epoch.learning_rate for epoch in history], "test")
    for axes in (loss, auc, *rest):
        axes.axvline(best.epoch, color=GREY, linestyle=":", linewidth=1.2, zorder=0)
    auc.plot(best.epoch, best.validation_auc, "*", color=BLACK, markersize=13, linestyle="none",
             label=f"best: epoch {best.epoch}, {best.validation_auc:.4f}")  # fmt: skip
    loss.margins(y=0.15)
    auc.margins(y=0.15)
    loss.set_ylabel("loss")
    auc.set_ylabel("validation AUC")
    for axes in rest:
        axes.set_ylabel("learning rate")
        # The rate of a cosine schedule over a single epoch is zero; then the limit stays free.
        axes.set_ylim(0, 1.25 * max(epoch.learning_rate for epoch in history) or None)
        axes.yaxis.set_major_locator(MaxNLocator(3))
        axes.yaxis.set_major_formatter("{x:g}")
    lowest = (loss, auc, *rest)[-1]
    lowest.set(xlabel="epoch", xlim=(epochs[0] - 0.5, epochs[-1] + 0.5))
    lowest.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    lowest.xaxis.set_minor_locator(NullLocator())
    loss.legend()
    auc.legend()
    figure.align_ylabels()
    return figure
