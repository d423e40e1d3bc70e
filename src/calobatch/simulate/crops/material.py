"""The material between the collision and the crystals: at which radii, and how thick.

The groups follow the figure of CMS's tracker material, JINST 3 (2008) S08004, figure 3.3, and the
radii of the layers its sections 3.2 and 3.4. The thicknesses were written down from memory of the
figure: the sum over the groups is known to about 10 %, and its division into groups to about 30 %.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


class Group(NamedTuple):
    """Layers with equal amounts of material."""

    radii: tuple[float, ...]  # metres
    thickness: tuple[float, ...]  # X0 of all layers together, on a straight line at each of ETA


ETA = (0.0, 0.4, 0.8, 1.0, 1.2, 1.4)
GROUPS = (
    # Beam pipe and pixels.
    Group((0.030, 0.044, 0.073, 0.102), (0.07, 0.08, 0.10, 0.12, 0.14, 0.19)),
    # Inner strips, with their end disks and cables.
    Group((0.255, 0.339, 0.418, 0.498), (0.13, 0.14, 0.19, 0.27, 0.36, 0.45)),
    # Outer strips, with the end caps and the cables that cross them.
    Group((0.608, 0.692, 0.780, 0.868, 0.965, 1.080), (0.16, 0.18, 0.29, 0.43, 0.58, 0.80)),
    # Support tube, thermal screen and cables between the tracker and the crystals.
    Group((1.180, 1.240), (0.04, 0.05, 0.08, 0.12, 0.20, 0.31)),
)


# All values of the table are multiplied by this. Fitted, 1.077 +- 0.046
# (benchmarks/simulation/fit_crops.py).
SCALE = 1.08


class Layer(NamedTuple):
    """A thin layer of material round the beam."""

    radius: float  # metres
    thickness: Floats  # X0 on a straight line, per event


def layers(eta: Floats) -> list[Layer]:
    """Return the layers that particles at ``eta`` (N,) cross, from the inside outward."""
    return [
        Layer(radius, SCALE * np.interp(np.abs(eta), ETA, group.thickness) / len(group.radii))
        for group in GROUPS
        for radius in group.radii
    ]


def total(eta: Floats) -> Floats:
    """Return how many radiation lengths a straight line at ``eta`` (N,) crosses."""
    of_all: Floats = np.sum([layer.thickness for layer in layers(eta)], axis=0)
    return of_all
