"""Cells of the ECAL and the HCAL: lateral spread of the showers, noise, zero suppression.

Both calorimeters are one regular grid in eta and phi. An HCAL tower (72 round the beam) covers
5 x 5 ECAL crystals, which are the pixels of the images.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from calobatch.simulate.detector import BARREL_RADIUS_M

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

TOWERS_ROUND = 72
CRYSTALS_A_TOWER = 5
TOWER = 2 * np.pi / TOWERS_ROUND
CRYSTAL = TOWER / CRYSTALS_A_TOWER

# A crystal is read out above 3 sigma of noise. CMS reads towers out above 0.7 GeV; as a hadron of
# 1 GeV gives about 0.7 GeV there, and all of it here, the threshold is 1 GeV here.
ECAL_NOISE_GEV, ECAL_THRESHOLD_GEV = 0.04, 0.12
HCAL_NOISE_GEV, HCAL_THRESHOLD_GEV = 0.2, 1.0


class Profile(NamedTuple):
    """Radial profile core p(r; R) + tail p(r; R) with p = 2 r R^2 / (r^2 + R^2)^2.

    The form is that of Grindhammer and Peters (hep-ex/0001020). A shower is drawn as spots of
    about ``spot_gev``.
    """

    core: float  # R of the core, radians
    tail: float  # R of the tail, radians
    core_share: float
    spot_gev: float


# Puts 0.64, 0.937 and 0.972 of the energy into 1 x 1, 3 x 3 and 5 x 5 crystals, on average over
# where the shower enters its crystal.
ELECTROMAGNETIC = Profile(0.00351 / BARREL_RADIUS_M, 0.0228 / BARREL_RADIUS_M, 0.814, 0.05)
# A hadron's shower in the ECAL: from the neutral pions, spread by a Moliere radius.
HADRONIC_ECAL = Profile(0.0219 / BARREL_RADIUS_M, 0.0219 / BARREL_RADIUS_M, 1.0, 0.05)
# 90 % within an interaction length of brass, 16.4 cm, at 1.8 m from the beam.
HADRONIC_HCAL = Profile(0.164 / 3 / 1.8, 0.164 / 3 / 1.8, 1.0, 0.25)


class Spots(NamedTuple):
    """Deposits of energy at points of the calorimeter."""

    event: Ints
    energy: Floats  # GeV
    eta: Floats
    phi: Floats


def spread(spots: Spots, profile: Profile, rng: np.random.Generator) -> Spots:
    """Split each shower into equal spots that scatter round its axis as ``profile`` says."""
    number = np.ceil(spots.energy / profile.spot_gev).astype(np.int64)
    source = np.repeat(np.arange(number.size), number)
    chance = rng.random(source.size)
    scale = np.where(rng.random(source.size) < profile.core_share, profile.core, profile.tail)
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
    """Add Gaussian noise to every cell and zero those that stay below the threshold."""
    noisy = energy + noise_gev * rng.standard_normal(energy.shape, dtype=np.float32)
    return np.where(noisy > threshold_gev, noisy, 0.0)
