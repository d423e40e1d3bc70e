"""Cells of the ECAL and the HCAL: lateral spread of the showers, noise, zero suppression.

Both calorimeters share one regular grid in eta and phi. An HCAL tower covers 5 x 5 ECAL crystals,
as in the CMS barrel (JINST 3 (2008) S08004, section 5.1). The crystals are the images' pixels.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from calobatch.simulate.barrel import CALORIMETER_RADIUS_M

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

TOWERS_ROUND = 72  # towers of one ring round the beam
CRYSTALS_PER_TOWER = 5  # along one side
# Width in eta and in phi (radians).
TOWER = 2 * np.pi / TOWERS_ROUND
CRYSTAL = TOWER / CRYSTALS_PER_TOWER

# A crystal is read out above 3 sigma of noise. CMS reads towers out above 0.7 GeV, which is about
# what a hadron of 1 GeV gives there. Here the same hadron gives its full energy, so the threshold
# is 1 GeV.
ECAL_NOISE_GEV, ECAL_THRESHOLD_GEV = 0.04, 0.12
HCAL_NOISE_GEV, HCAL_THRESHOLD_GEV = 0.2, 1.0


class Profile(NamedTuple):
    """How the energy of a shower spreads round its axis.

    It is the sum of a core and a tail, each with the density 2 r R^2 / (r^2 + R^2)^2 in radius:
    Grindhammer and Peters (hep-ex/0001020). A shower is drawn as spots of about ``spot_gev``.
    Fewer, larger spots are faster to draw, but the energy in each cell fluctuates more.
    """

    core: float  # R of the core, radians
    tail: float  # R of the tail, radians
    core_share: float
    spot_gev: float


# A radius in metres divided by the distance from the beam is an angle. These radii put 0.64, 0.937
# and 0.972 of the energy into 1 x 1, 3 x 3 and 5 x 5 crystals, averaged over where in its crystal a
# shower begins.
ELECTROMAGNETIC = Profile(
    core=0.00351 / CALORIMETER_RADIUS_M,
    tail=0.0228 / CALORIMETER_RADIUS_M,
    core_share=0.814,
    spot_gev=0.05,
)
# A hadron's shower in the ECAL comes from its neutral pions and is as wide as a Moliere radius,
# 2.19 cm.
HADRONIC_ECAL = Profile(
    core=0.0219 / CALORIMETER_RADIUS_M,
    tail=0.0219 / CALORIMETER_RADIUS_M,
    core_share=1.0,
    spot_gev=0.05,
)
# 90 % of the energy is within r = 3 R: R is a third of the interaction length of brass, 16.4 cm, at
# 1.8 m from the beam, where the HCAL begins.
HADRONIC_HCAL = Profile(core=0.164 / 3 / 1.8, tail=0.164 / 3 / 1.8, core_share=1.0, spot_gev=0.25)


class Spots(NamedTuple):
    """Deposits of energy at points of the calorimeter, one element per deposit."""

    event: Ints
    energy: Floats  # GeV
    eta: Floats
    phi: Floats  # radians


def spread(spots: Spots, profile: Profile, rng: np.random.Generator) -> Spots:
    """Split each shower into spots of equal energy, scattered round its axis by ``profile``."""
    number = np.ceil(spots.energy / profile.spot_gev).astype(np.int64)
    source = np.repeat(np.arange(number.size), number)
    chance = rng.random(source.size)
    scale = np.where(rng.random(source.size) < profile.core_share, profile.core, profile.tail)
    # The share of the energy within r is r^2 / (r^2 + R^2); this is its inverse.
    radius = scale * np.sqrt(chance / (1 - chance))
    angle = 2 * np.pi * rng.random(source.size)
    return Spots(
        spots.event[source],
        (spots.energy / np.maximum(number, 1))[source],
        spots.eta[source] + radius * np.cos(angle),
        spots.phi[source] + radius * np.sin(angle),
    )


def read_out(
    energy: Floats, noise_gev: float, threshold_gev: float, rng: np.random.Generator
) -> Floats:
    """Add Gaussian noise to every cell, and zero the cells that are not above the threshold."""
    noisy = energy + noise_gev * rng.standard_normal(energy.shape, dtype=np.float32)
    return np.where(noisy > threshold_gev, noisy, 0.0)
