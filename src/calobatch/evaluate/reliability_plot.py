"""Draw how often something happened, against the probability that a model gave it."""

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from calobatch.evaluate.calibration import BINS, reliability, wilson_interval
from calobatch.plotting import BLACK, GREY


def draw_reliability(
    figure: Figure,
    happened: NDArray[np.uint8],
    score: NDArray[np.float32],
    weight: NDArray[np.float64] | None,
    *,
    error: float,
    share: str,
    probability: str,
) -> Figure:
    """Draw the fraction of events that ``happened`` in bins of the score. Returns ``figure``.

    The arrays have the shape (events) and are of the test split, and ``error`` is their expected
    calibration error. ``share`` and ``probability`` name the axes. The lower panel has the number
    of events of each bin, or the sum of their weights.
    """
    upper, lower = figure.subplots(2, sharex=True, height_ratios=(3, 1))
    bins = reliability(happened, score, weight)
    # Fractions close to 0 or 1 have errors that are not symmetric.
    low, high = wilson_interval(bins.signal_share, bins.effective)
    upper.plot([0, 1], [0, 1], color=GREY, linestyle=":", linewidth=1, label="perfect")
    upper.errorbar(
        bins.mean_score,
        bins.signal_share,
        yerr=(bins.signal_share - low, high - bins.signal_share),
        fmt="o",
        color=BLACK,
        linewidth=1.2,
        label=f"test: calibration error {error:.3f}",
    )
    upper.set(ylabel=share, ylim=(-0.05, 1.18))
    upper.legend(loc="upper left", ncols=2)
    lower.hist(score, bins=np.linspace(0, 1, BINS + 1), weights=weight, color=GREY)
    events = "events" if weight is None else "sum of weights"
    lower.set(xlabel=probability, ylabel=events, xlim=(0, 1))
    figure.align_ylabels()
    return figure
