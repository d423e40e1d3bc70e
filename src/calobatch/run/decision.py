"""The predicted class and the loss of scores, defined once for training and evaluation."""

import numpy as np
import sklearn.metrics
from numpy.typing import NDArray

# An event with a score above this is predicted to be signal (class 1).
THRESHOLD = 0.5
# The loss of a score of exactly 0 or 1 can be infinite. Scores are moved this far from both, which
# limits the loss of one event to 27.6 nats.
SMALLEST_PROBABILITY = 1e-12


def called_signal(score: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Return (events) whether each score is predicted to be signal."""
    return score > THRESHOLD


def log_loss(label: NDArray[np.uint8], score: NDArray[np.float32]) -> float:
    """Return the mean cross-entropy in nats of (events) scores, given the true classes (events).

    The scores must be probabilities, and there must be at least one event.
    """
    bounded = np.clip(score.astype(np.float64), SMALLEST_PROBABILITY, 1 - SMALLEST_PROBABILITY)
    return float(sklearn.metrics.log_loss(label, bounded, labels=[0, 1]))
