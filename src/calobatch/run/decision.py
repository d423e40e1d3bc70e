"""The predicted class and the loss of scores, defined once for training and evaluation.

Scores are probabilities. Of two classes, each event has that of class 1 (the signal), shape
(events). Of K classes, each event has K with a sum of 1, in the order of the layout, shape
(events, K).
"""

from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

Real = TypeVar("Real", bound=np.floating)

# Of two classes, an event with a score above this is predicted to be signal (class 1).
THRESHOLD = 0.5
# The loss of a score of exactly 0 or 1 can be infinite. Scores are moved this far from both, which
# limits the loss of one event to 27.6 nats.
SMALLEST_PROBABILITY = 1e-12


def as_scores(probability_BK: NDArray[Real]) -> NDArray[Real]:
    """Return the scores of events, given the probabilities of all classes."""
    return probability_BK[:, 1] if probability_BK.shape[1] == 2 else probability_BK


def called_class(score: NDArray[np.float32]) -> NDArray[np.int64]:
    """Return the predicted class of each event, shape (events): the most probable one."""
    if score.ndim == 1:
        return (score > THRESHOLD).astype(np.int64)
    called: NDArray[np.int64] = np.argmax(score, axis=1)
    return called


def log_loss(
    label: NDArray[np.uint8],
    score: NDArray[np.float32],
    weight: NDArray[np.float64] | None = None,
) -> float:
    """Return the mean cross-entropy in nats of scores, given the true classes (events).

    Events count with their ``weight``, if one is given. The scores must be probabilities, and there
    must be at least one event.
    """
    bounded = np.clip(score.astype(np.float64), SMALLEST_PROBABILITY, 1 - SMALLEST_PROBABILITY)
    if score.ndim == 1:
        of_true_class = np.where(label == 1, bounded, 1 - bounded)
    else:
        of_true_class = bounded[np.arange(len(label)), label]
    return float(-np.average(np.log(of_true_class), weights=weight))


def number_of_classes(score: NDArray[np.float32]) -> int:
    """Return for how many classes there are scores."""
    return 2 if score.ndim == 1 else score.shape[1]


def missing_classes(label: NDArray[np.uint8], classes: int) -> list[int]:
    """Return the classes that no event of (events) labels has."""
    return sorted(set(range(classes)) - set(np.unique(label).tolist()))


def is_constant(score: NDArray[np.float32]) -> bool:
    """Return whether all events have the same scores, so that they separate nothing."""
    return bool(np.all(np.ptp(score, axis=0) == 0))
