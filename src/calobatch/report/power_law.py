"""How the AUC grows with the number of training events: a power law."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import curve_fit

Floats = NDArray[np.float64]

# Three numbers are fitted, so fewer points fit any power law.
LEAST_POINTS = 3
# The limit a, the loss b at the first point, and the power c. Measured powers are 0.07 to 0.35
# (Hestness et al., arXiv:1712.00409), and 0.5 is that of the best possible learner of few numbers.
LOWEST, HIGHEST = (0.5, 0.0, 0.05), (1.0, 1.0, 1.0)


class PowerLaw(NamedTuple):
    """AUC = a - b (N / first)^-c for N training events; ``covariance`` is that of a, b and c."""

    first: float
    values: Floats  # (3,)
    covariance: Floats  # (3, 3)

    @property
    def at_bound(self) -> bool:
        """Whether a value is the smallest or largest allowed.

        The covariance is then too small, and a forecast says little.
        """
        return bool(np.isclose(self.values, (LOWEST, HIGHEST)).any())

    def at(self, events: ArrayLike) -> tuple[Floats, Floats]:
        """Return the AUC after ``events`` training events and its standard error."""
        ratio = np.asarray(events, dtype=float) / self.first
        _, b, c = self.values
        power = ratio**-c
        gradient = np.stack([np.ones_like(ratio), -power, b * power * np.log(ratio)], axis=-1)
        variance = np.einsum("...i,ij,...j->...", gradient, self.covariance, gradient)
        return power_law(ratio, *self.values), np.sqrt(variance)


def power_law(ratio: Floats, a: float, b: float, c: float) -> Floats:
    """Return the AUC after ``ratio`` times the first number of training events."""
    found: Floats = a - b * ratio**-c
    return found


def fitted_power_law(
    events: Sequence[int], auc: Sequence[float], error: Sequence[float]
) -> PowerLaw | None:
    """Fit a power law to the AUCs, with their standard errors, of trainings on ``events`` events.

    If the points miss the curve by more than their errors allow, its errors grow by the same factor
    (Particle Data Group, Review of Particle Physics, introduction, "Unconstrained averaging").
    Returns None if there are fewer than three numbers of events, or if the AUC does not grow in the
    way of a power law.
    """
    if len(events) < LEAST_POINTS:
        return None
    first = float(min(events))
    ratio = np.asarray(events, dtype=float) / first
    try:
        values, covariance = curve_fit(
            power_law,
            ratio,
            np.asarray(auc),
            p0=(np.clip(max(auc) + 0.02, 0.5, 0.99), max(max(auc) - min(auc), 0.01), 0.3),
            sigma=np.asarray(error),
            absolute_sigma=True,
            bounds=(LOWEST, HIGHEST),
        )
    except RuntimeError:  # no minimum was found
        return None
    if not np.isfinite(covariance).all():
        return None
    if freedom := len(events) - len(values):
        misses = (np.asarray(auc) - power_law(ratio, *values)) / np.asarray(error)
        covariance *= max(1.0, float(np.sum(misses**2)) / freedom)
    return PowerLaw(first, values, covariance)
