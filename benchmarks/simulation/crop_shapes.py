"""Numbers that describe a crop: where its energy is, and how many crystals it hits.

Images are energies in GeV, (N, 32, 32), eta along axis 1, the hottest crystal at [16, 16].
"""

from collections.abc import Callable
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Images = NDArray[np.float64]
Values = NDArray[np.float64]
Axis = Literal["eta", "phi"]
OFFSET = np.arange(32) - 16
FIVE = slice(14, 19)
# CMS's weight of a crystal in the width of a shower is this plus ln(E / E(5 x 5)), if positive.
LOG_WEIGHT = 4.7


def shares(energy: Images) -> Images:
    """Return the energies of each image as shares of their sum."""
    of_sum: Images = energy / energy.sum(axis=(1, 2), keepdims=True)
    return of_sum


def variance(energy: Images, along: Axis) -> Values:
    """Return the energy-weighted variance of the position along an axis, in crystals squared."""
    profile = shares(energy).sum(axis=2 if along == "eta" else 1)
    squared: Values = profile @ OFFSET**2 - (profile @ OFFSET) ** 2
    return squared


def log_width(energy: Images, along: Axis) -> Values:
    """Return the width of the 5 x 5 crystals in crystals, weighted with logarithms of energies.

    Along eta this is CMS's sigma_ieta_ieta, and along phi its sigma_iphi_iphi, apart from the size
    of a crystal.
    """
    five = energy[:, FIVE, FIVE]
    with np.errstate(divide="ignore"):
        weight = np.maximum(LOG_WEIGHT + np.log(shares(five)), 0)
    profile = shares(weight).sum(axis=2 if along == "eta" else 1)
    place = np.arange(-2, 3)
    width: Values = np.sqrt(profile @ place**2 - (profile @ place) ** 2)
    return width


def share_within(energy: Images, reach: int) -> Values:
    """Return the share of the energy in the crystals up to ``reach`` from the hottest one."""
    near = slice(16 - reach, 17 + reach)
    within: Values = shares(energy)[:, near, near].sum(axis=(1, 2))
    return within


def outer_share(energy: Images, along: Axis) -> Values:
    """Return the share of 5 x 5 crystals' energy in its outer rows (eta) or columns (phi)."""
    five = shares(energy[:, FIVE, FIVE])
    outer = five[:, [0, 4], :] if along == "eta" else five[:, :, [0, 4]]
    of_five: Values = outer.sum(axis=(1, 2))
    return of_five


def hits_outside_five_rows(energy: Images) -> Values:
    """Return how many crystals are hit outside the five rows round the hottest one."""
    hits: Values = (energy > 0).sum(axis=(1, 2)) - (energy[:, FIVE] > 0).sum(axis=(1, 2))
    return hits


SHAPES: dict[str, Callable[[Images], Values]] = {
    "non-zero pixels": lambda e: (e > 0).sum(axis=(1, 2)).astype(float),
    "peak / sum": lambda e: share_within(e, 0),
    "3 x 3 / sum": lambda e: share_within(e, 1),
    "5 x 5 / sum": lambda e: share_within(e, 2),
    "variance along eta": lambda e: variance(e, "eta"),
    "variance along phi": lambda e: variance(e, "phi"),
    "log-weighted width, eta": lambda e: log_width(e, "eta"),
    "log-weighted width, phi": lambda e: log_width(e, "phi"),
    "zeros in 5 x 5": lambda e: (e[:, FIVE, FIVE] <= 0).sum(axis=(1, 2)).astype(float),
    "hits outside five rows": hits_outside_five_rows,
    "sum of energy (GeV)": lambda e: e.sum(axis=(1, 2)),
    "sum of squared shares": lambda e: (shares(e) ** 2).sum(axis=(1, 2)),
}
