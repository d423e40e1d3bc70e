"""The plots of more than two classes, where they differ from those of two."""

from collections.abc import Mapping

import numpy as np
from matplotlib.figure import Figure
from sklearn.metrics import roc_curve

from calobatch.plotting import GREY, class_colour, class_line
from calobatch.run.auc import against_others
from calobatch.run.metrics import Metrics
from calobatch.run.predictions import Predictions

SCORE_BINS = 25
# Panels in a row of the plot of scores.
PANELS = 2


def draw_rocs(
    figure: Figure,
    predictions: Mapping[str, Predictions],
    metrics: Metrics,
    classes: tuple[str, ...],
) -> Figure:
    """Draw the ROC curve of each class against all others, on the test split. Returns ``figure``.

    The area under a curve is the AUC in the legend.
    """
    axes = figure.add_subplot()
    label, score, weight = predictions["test"]
    test = metrics.splits["test"]
    for number, name in enumerate(classes):
        others, own, _ = roc_curve(
            against_others(label, number), score[:, number], sample_weight=weight
        )
        found = test.classes[name]
        axes.plot(
            own,
            1 - others,
            color=class_colour(number),
            linestyle=class_line(number),
            label=f"{name}: {found.auc:.3f} [{found.auc_low:.3f}, {found.auc_high:.3f}]",
        )
    axes.plot([0, 1], [1, 0], color=GREY, linestyle=":", linewidth=1, label="chance")
    axes.set(
        xlabel="efficiency of the class",
        ylabel="1 - efficiency of all others",
        xlim=(0, 1),
        ylim=(0, 1.02),
    )
    axes.legend(
        loc="lower left",
        title=f"test AUC with {metrics.confidence:.0%} interval\n"
        f"mean: {test.auc:.3f} [{test.auc_low:.3f}, {test.auc_high:.3f}]",
        alignment="left",
    )
    return figure


def draw_class_scores(
    figure: Figure, predictions: Mapping[str, Predictions], classes: tuple[str, ...]
) -> Figure:
    """Draw the probability of each class in a panel, by true class. Returns ``figure``.

    Lines are the test split. The thin line of the panel's own class is the training split; the two
    differ if the model is overtrained.
    """
    rows = -(-len(classes) // PANELS)
    panels = figure.subplots(rows, PANELS, sharex=True, squeeze=False).ravel()
    edges = np.linspace(0, 1, SCORE_BINS + 1)
    for number, (name, axes) in enumerate(zip(classes, panels, strict=False)):
        for true, true_name in enumerate(classes):
            for split, width in (("test", 1.6), ("train", 0.7)):
                if split == "train" and true != number:
                    continue
                label, score, weight = predictions[split]
                own = None if weight is None else weight[label == true]
                counts = np.histogram(score[label == true, number], edges, weights=own)[0]
                axes.stairs(
                    counts / counts.sum(),
                    edges,
                    color=class_colour(true),
                    linestyle=class_line(true),
                    linewidth=width,
                    label=true_name if split == "test" else f"{true_name}, train",
                )
        axes.set(yscale="log", xlim=(0, 1))
        axes.set_xlabel(f"probability of {name}")
        axes.set_ylabel("share of the class")
    handles, names = panels[0].get_legend_handles_labels()
    spare = panels[len(classes) :]
    for axes in spare:
        axes.axis("off")
    (spare[0] if len(spare) else panels[0]).legend(handles, names, loc="upper center")
    return figure
