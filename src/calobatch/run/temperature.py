"""Bring probabilities to a temperature, which says how sure they are."""

import numpy as np
from numpy.typing import NDArray
from scipy.special import softmax

from calobatch.run.decision import SMALLEST_PROBABILITY


def at_temperature(score: NDArray[np.float64], temperature: float) -> NDArray[np.float64]:
    """Return probabilities of the same shape, brought to a temperature.

    ``score`` has the shape (events) for two classes and (events, classes) for more
    (``run/decision.py``). The logarithms of the probabilities are divided by the temperature.
    """
    probability_NK: NDArray[np.float64] = softmax(logits(score) / temperature, axis=1)
    return probability_NK[:, 1] if score.ndim == 1 else probability_NK


def logits(score: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the logarithms of the probabilities, shape (events, classes)."""
    bounded = np.clip(score, SMALLEST_PROBABILITY, 1 - SMALLEST_PROBABILITY)
    both = np.stack([1 - bounded, bounded], axis=1) if score.ndim == 1 else bounded
    logarithm: NDArray[np.float64] = np.log(both)
    return logarithm
