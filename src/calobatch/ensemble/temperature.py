"""Fit the temperature at which probabilities agree best with the true classes.

A model that is trained for long is often too sure of itself. Dividing the logarithms of its
probabilities by a temperature above 1, and normalising them again, brings them closer together. Of
two classes, this changes the order of no events, so the AUC stays as it is. Source: Guo et al., On
calibration of modern neural networks, ICML 2017, section 4.2 (arXiv:1706.04599).
"""

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.special import softmax

from calobatch.run.temperature import logits

# Beyond these, the scores say nothing (an AUC of 0.5) or separate the classes completely.
LOWEST, HIGHEST = 0.05, 20.0


class Temperature(NamedTuple):
    """A fitted temperature and its standard error, which is None at a bound of the fit."""

    value: float
    error: float | None


def fit_temperature(
    label: NDArray[np.uint8],
    score: NDArray[np.float64],
    weight: NDArray[np.float64] | None = None,
) -> Temperature:
    """Return the temperature with the smallest log-loss, between ``LOWEST`` and ``HIGHEST``.

    ``label`` and ``weight`` have the shape (events); ``score`` has probabilities, with the shape
    (events) for two classes and (events, classes) for more (``run/decision.py``). The error
    follows from the curvature of the log-loss.
    """
    logit_NK = logits(score)
    true_N = logit_NK[np.arange(len(label)), label]
    weight_N = np.ones(len(label)) if weight is None else weight

    def slope(inverse: float) -> float:
        """Return the derivative of the summed log-loss with respect to 1 / temperature."""
        mean_N = (softmax(inverse * logit_NK, axis=1) * logit_NK).sum(axis=1)
        return float(np.sum(weight_N * (mean_N - true_N)))

    # The log-loss is convex in 1 / temperature, so its slope is zero at most once.
    low, high = 1 / HIGHEST, 1 / LOWEST
    if slope(low) >= 0:
        return Temperature(HIGHEST, None)
    if slope(high) <= 0:
        return Temperature(LOWEST, None)
    inverse = float(brentq(slope, low, high))
    probability_NK = softmax(inverse * logit_NK, axis=1)
    mean_N = (probability_NK * logit_NK).sum(axis=1)
    variance_N = (probability_NK * logit_NK**2).sum(axis=1) - mean_N**2
    curvature = float(np.sum(weight_N * variance_N))
    # With weights, the fluctuation of the slope is not equal to the curvature.
    fluctuation = float(np.sum(weight_N**2 * variance_N))
    return Temperature(1 / inverse, math.sqrt(fluctuation) / curvature / inverse**2)
