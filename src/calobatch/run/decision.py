"""What a score is taken for, in training as in evaluation: the predicted class, and the loss."""

import numpy as np
import sklearn.metrics
from numpy.typing import NDArray

# An event whose score is above this is called signal (class 1).
THRESHOLD = 0.5
# Scores are kept this far from 0 and 1, so that the loss of a single event is at most 27.6.
SMALLEST_PROBABILITY = 1e-12


def called_signal(score: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Return whether each of (events) scores is called signal."""
    return score > THRESHOLD


def log_loss(label: NDArray[np.uint8], score: NDArray[np.float32]) -> float:
    """Return the mean cross-entropy, in nats, of (events) scores given the true classes."""
    bounded = np.clip(score.astype(np.float64), SMALLEST_PROBABILITY, 1 - SMALLEST_PROBABILITY)
    return float(sklearn.metrics.log_loss(label, bounded, labels=[0, 1]))
