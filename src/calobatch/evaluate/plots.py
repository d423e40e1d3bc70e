"""Draw the plots of one training, each as a figure of its own."""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter
from numpy.typing import NDArray
from sklearn.metrics import roc_curve

from calobatch.evaluate.plots_of_classes import draw_class_scores, draw_rocs
from calobatch.evaluate.reliability_plot import draw_reliability
from calobatch.history_plot import draw_history
from calobatch.plotting import (
    BLACK,
    CLASS_COLOURS,
    CLASS_LINES,
    GREY,
    SPLIT_COLOURS,
    SPLIT_LINES,
    new_figure,
    save,
)
from calobatch.run.decision import THRESHOLD, called_class
from calobatch.run.files import PLOTS, PLOTS_OF_ENSEMBLE, plot_path
from calobatch.run.history import Epoch
from calobatch.run.metrics import Metrics, SplitMetrics
from calobatch.run.predictions import Predictions
from calobatch.run.predictor import Predictor

SCORE_BINS = 25


def draw_plots(
    title: str,
    record: Predictor,
    history: Sequence[Epoch],
    predictions: Mapping[str, Predictions],
    metrics: Metrics,
    folder: Path,
) -> None:
    """Write the plots of a training, or of an ensemble of them, into its ``folder``.

    Each plot of ``run.files.PLOTS`` is a PNG file of 1200 x 900 pixels. Without a ``history``,
    there is no plot of it.
    """
    classes = record.layout.classes

    def figure() -> Figure:
        return new_figure(title, simulated=record.simulated)

    test = predictions["test"]
    drawn = {"confusion": draw_confusion(figure(), metrics.splits["test"], classes)}
    if history:
        drawn["history"] = draw_history(figure(), history)
    if len(classes) == 2:
        drawn |= {
            "roc": draw_roc(figure(), predictions, metrics, classes),
            "scores": draw_scores(figure(), predictions, classes),
            "calibration": draw_reliability(
                figure(),
                test.label,
                test.score,
                test.weight,
                error=metrics.splits["test"].calibration_error,
                share=f"share of {classes[1]}s",
                probability=f"score (probability of {classes[1]})",
            ),
        }
    else:
        drawn |= {
            "roc": draw_rocs(figure(), predictions, metrics, classes),
            "scores": draw_class_scores(figure(), predictions, classes),
            "calibration": draw_reliability(
                figure(),
                (called_class(test.score) == test.label).astype(np.uint8),
                test.score.max(axis=1),
                test.weight,
                error=metrics.splits["test"].calibration_error,
                share="share of correct predictions",
                probability="probability of the predicted class",
            ),
        }
    # These are also the lists of files that the workflow expects.
    for plot in PLOTS if history else PLOTS_OF_ENSEMBLE:
        save(drawn[plot], plot_path(folder, plot))


def draw_roc(
    figure: Figure,
    predictions: Mapping[str, Predictions],
    metrics: Metrics,
    classes: tuple[str, ...],
) -> Figure:
    """Draw the ROC curve of each split, with its AUC in the legend. Returns ``figure``.

    The axes are signal efficiency and 1 - background efficiency, so the area under a curve is its
    AUC. Signal is the second of ``classes``.
    """
    background, signal = classes
    axes = figure.add_subplot()
    for depth, (split, (label, score, weight)) in enumerate(predictions.items()):
        background_efficiency, signal_efficiency, _ = roc_curve(label, score, sample_weight=weight)
        axes.plot(
            signal_efficiency,
            1 - background_efficiency,
            color=SPLIT_COLOURS[split],
            linestyle=SPLIT_LINES[split],
            # The solid curve of the test split is drawn first, because it would hide the dashed
            # curves of the other splits.
            zorder=3 - 0.1 * depth,
            label=_auc_text(split, metrics.splits[split]),
        )
    axes.plot([0, 1], [1, 0], color=GREY, linestyle=":", linewidth=1, label="chance")
    test = metrics.splits["test"]
    for efficiency, rejection in ((0.5, test.rejection_at_50), (0.7, test.rejection_at_70)):
        _mark_working_point(axes, efficiency, rejection, background)
    axes.set(
        xlabel=f"{signal} efficiency",
        ylabel=f"1 - {background} efficiency",
        xlim=(0, 1),
        ylim=(0, 1.02),
    )
    axes.legend(
        loc="lower left",
        title=f"AUC with {metrics.confidence:.0%} interval",
        alignment="left",
    )
    return figure


def _auc_text(split: str, metrics: SplitMetrics) -> str:
    return f"{split}: {metrics.auc:.3f} [{metrics.auc_low:.3f}, {metrics.auc_high:.3f}]"


def _mark_working_point(
    axes: Axes, efficiency: float, rejection: float | None, background: str
) -> None:
    """Mark the point with this signal efficiency on the curve of the test split."""
    # A rejection of None means that no background event passes.
    height = 1 - 1 / rejection if rejection else 1.0
    axes.plot([efficiency, efficiency], [0, height], color=GREY, linewidth=1, linestyle="--")
    axes.plot(efficiency, height, "o", color=BLACK, markersize=7, zorder=4)
    text = f"{background}\nrejection {rejection:.1f}" if rejection else f"no {background}\nleft"
    axes.text(efficiency + 0.012, 0.025, text, linespacing=1.3)


def draw_scores(
    figure: Figure, predictions: Mapping[str, Predictions], classes: tuple[str, ...]
) -> Figure:
    """Draw the distribution of the scores of each class. Returns ``figure``.

    Training events are steps, test events are points with statistical errors. If the model is
    overtrained, the points do not follow the steps.
    """
    axes = figure.add_subplot()
    train, test = predictions["train"], predictions["test"]
    edges = _score_edges(np.concatenate([train.score, test.score]))
    width = edges[1] - edges[0]
    for number, (name, colour) in enumerate(zip(classes, CLASS_COLOURS[:2], strict=True)):
        drawn, counted = (
            np.histogram(content.score[content.label == number], edges)[0]
            for content in (train, test)
        )
        filled, _ = _histogram(train, number, edges)
        height, error = _histogram(test, number, edges)
        # The splits differ in size, so both are normalised to an area of 1 before they are
        # compared.
        axes.stairs(
            filled / filled.sum() / width,
            edges,
            color=colour,
            linestyle=CLASS_LINES[number],
            linewidth=1.8,
            label=f"{name}, train ({drawn.sum():,})",
        )
        seen = height > 0  # a point at zero with an error of zero would say nothing
        scale = 1 / height.sum() / width
        # One class is moved to the left and one to the right, so that their error bars do not
        # cover each other.
        beside = (number - 0.5) * 0.25 * width
        axes.errorbar(
            (edges[:-1] + width / 2 + beside)[seen],
            height[seen] * scale,
            yerr=error[seen] * scale,
            fmt="os"[number],
            color=colour,
            markersize=5,
            linewidth=1.2,
            label=f"{name}, test ({counted.sum():,})",
        )
    axes.set(
        xlabel=f"score (probability of {classes[1]})",
        ylabel="events, normalised to unit area",
        xlim=(edges[0], edges[-1]),
        ylim=(0, 1.2 * axes.get_ylim()[1]),  # room for the legend
    )
    axes.legend(ncols=2, loc="upper center")
    return figure


def _histogram(
    content: Predictions, of_class: int, edges: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the sum of the weights of the events of a class in each bin, and its error."""
    chosen = content.label == of_class
    weight = np.ones(chosen.sum()) if content.weight is None else content.weight[chosen]
    height = np.histogram(content.score[chosen], edges, weights=weight)[0]
    squares = np.histogram(content.score[chosen], edges, weights=np.square(weight))[0]
    return height, np.sqrt(squares)


def _score_edges(score: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return the edges of ``SCORE_BINS`` equal bins that contain all (events) scores.

    The range is rounded outwards to multiples of 0.05, at most 0 to 1, with at least 0.025 of room
    on each side.
    """
    # The scores of a model that was trained for a short time are all close to 0.5 and would fall
    # into one bin of a histogram from 0 to 1.
    low = max(math.floor(20 * float(score.min()) - 0.5), 0)
    high = min(math.ceil(20 * float(score.max()) + 0.5), 20)
    return np.linspace(low / 20, high / 20, SCORE_BINS + 1)


def draw_confusion(figure: Figure, test: SplitMetrics, classes: tuple[str, ...]) -> Figure:
    """Draw the confusion matrix of the test split. Returns ``figure``.

    Each cell has the fraction of its true class (row) and the number of events, or the sum of their
    weights.
    """
    axes = figure.add_subplot()
    counts = np.array(test.confusion)
    shares = counts / counts.sum(axis=1, keepdims=True)
    image = axes.imshow(shares, cmap="Blues", vmin=0, vmax=1, aspect="auto")
    for (row, column), share in np.ndenumerate(shares):
        axes.text(
            column,
            row,
            f"{share:.1%}\n{_count(counts[row, column].item())}",
            color="white" if share > 0.6 else "black",  # readable on dark and on light blue
            size=max(20 - 3 * (len(classes) - 2), 8),
            ha="center",
            va="center",
        )
    rule = f" ({classes[1]} if the score is above {THRESHOLD:g})" if len(classes) == 2 else ""
    axes.set_xlabel(f"predicted class{rule}", loc="center")
    axes.set_ylabel("true class, test split", loc="center")
    axes.set_xticks(range(len(classes)), classes)
    axes.set_yticks(range(len(classes)), classes)
    axes.tick_params(which="both", length=0)
    figure.colorbar(image, label="share of the true class", format=PercentFormatter(1))
    return figure


def _count(events: int | float) -> str:
    """Return a number of events, which is whole, or a sum of weights, which need not be."""
    return f"{events:,}" if isinstance(events, int) else f"{events:,.1f}"
