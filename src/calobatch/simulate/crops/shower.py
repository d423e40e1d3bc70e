"""Electromagnetic showers in lead tungstate, as spots of energy.

The parametrisation is that of Grindhammer and Peters (hep-ex/0001020) for homogeneous calorimeters,
their appendix A.1, with the constants of Geant4's GFlash. A shower is a gamma density in depth,
whose two parameters fluctuate together from shower to shower, and two rational densities in radius,
a narrow core and a wide tail, whose widths grow with depth. Depths are in radiation lengths (X0),
radii in centimetres, energies in GeV.

Each shower is drawn as spots of equal energy instead of as a smooth density: the fluctuation of the
number of spots in a crystal is then the fluctuation of the shower.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Floats64 = NDArray[np.float64]
Integers = NDArray[np.intp]

# Effective values of lead tungstate; the depth is that of a barrel crystal (CMS, JINST 3 (2008)
# S08004, section 4.2).
RADIATION_LENGTH = 0.89  # cm
# cm. Fitted, 2.304 +- 0.036 (benchmarks/simulation/fit_crops.py). CMSSW's GFlash has 2.19 in lead
# tungstate, and the gaps between the crystals, 2 % of their width, should add about 4 %.
MOLIERE_RADIUS = 2.30
CRITICAL_ENERGY = 0.00876
ATOMIC_NUMBER = 68.4
CRYSTAL_DEPTH = 23.0 / RADIATION_LENGTH
# The fits were made for higher energies, and below 20 MeV ln(ln y - 0.812) has no value at all. A
# softer shower has the shape of a shower of this energy.
LOWEST_SHAPE_ENERGY = 0.2
# The profile is followed to this depth, in slices of 1 X0. That is more than the crystal's 26 X0:
# the energy that leaks out behind must be worked out before it can be left out.
LONGEST_SHOWER = 40


class Longitudinal(NamedTuple):
    """Gamma densities of showers in depth: dE/dt ~ t^(alpha - 1) exp(-(alpha - 1) t / maximum)."""

    maximum: Floats64  # depth of the maximum, X0
    alpha: Floats64


class Rings(NamedTuple):
    """Rings of spots round the axes of showers, one element per ring.

    The spots of a ring have the same shower, depth, energy and radial density: each slice in depth
    has one ring of the narrow core and one of the wide tail.
    """

    shower: Integers  # index of the ring's shower
    spots: Integers  # number of spots
    energy: Floats64  # GeV per spot
    depth: Floats64  # X0 behind the crystal's front face
    radius: Floats64  # cm; half of the spots are within it


def sample_longitudinal(energy: Floats64, rng: np.random.Generator) -> Longitudinal:
    """Draw the longitudinal shapes of showers of ``energy`` (S,) (appendix A.1.2).

    ln(maximum) and ln(alpha) have normal distributions and are correlated.
    """
    log_y = np.log(np.maximum(energy, LOWEST_SHAPE_ENERGY) / CRITICAL_ENERGY)
    correlation = 0.705 - 0.023 * log_y
    first, second = rng.standard_normal((2, len(energy)))
    second = correlation * first + np.sqrt(1 - correlation**2) * second
    log_maximum = np.log(log_y - 0.812) + first / (-1.4 + 1.26 * log_y)
    mean_alpha = 0.81 + (0.458 + 2.26 / ATOMIC_NUMBER) * log_y
    log_alpha = np.log(mean_alpha) + second / (-0.58 + 0.86 * log_y)
    # At alpha = 1 the density has its maximum at the surface; below, it is infinite there.
    return Longitudinal(np.exp(log_maximum), np.maximum(np.exp(log_alpha), 1.05))


def slice_fractions(shape: Longitudinal) -> Floats64:
    """Return each shower's share of energy in slices of 1 X0: (S, LONGEST_SHOWER).

    The density is taken at the middle of each slice and normalised to a sum of 1, which needs no
    incomplete gamma function.
    """
    depth = np.arange(LONGEST_SHOWER) + 0.5
    power = (shape.alpha - 1)[:, None]
    relative = depth / shape.maximum[:, None]
    # The + 1 makes the density 1 at the maximum, so that no large exponent overflows.
    density: Floats64 = np.exp(power * (np.log(relative) - relative + 1))
    density /= density.sum(axis=1, keepdims=True)
    return density


def radial_widths(
    energy: Floats64, relative_depth: Floats64
) -> tuple[Floats64, Floats64, Floats64]:
    """Return core radius (cm), tail radius (cm) and the core's share of the energy.

    ``relative_depth`` is the depth divided by the depth of the maximum. The formulas are those of
    appendix A.1.3, which gives radii in Moliere radii.
    """
    log_energy = np.log(np.maximum(energy, LOWEST_SHAPE_ENERGY))
    Z = ATOMIC_NUMBER
    core = 0.0251 + 0.00319 * log_energy + (0.1162 - 0.000381 * Z) * relative_depth
    behind = relative_depth - 0.645
    # 0.0412 is Geant4's number; the paper and CMS's own GFlash have 0.0421.
    tail = (0.659 - 0.00309 * Z) * (
        np.exp(-2.59 * behind) + np.exp((0.3585 + 0.0412 * log_energy) * behind)
    )
    ahead = (0.401 + 0.00187 * Z - relative_depth) / (1.313 - 0.0686 * log_energy)
    share = (2.632 - 0.00094 * Z) * np.exp(ahead - np.exp(ahead))
    return core * MOLIERE_RADIUS, tail * MOLIERE_RADIUS, np.clip(share, 0, 1)


def spot_number(energy: Floats64) -> Floats64:
    """Return the mean number of spots of showers of ``energy`` (S,) (appendix A.1.4)."""
    number: Floats64 = 93 * np.log(ATOMIC_NUMBER) * energy**0.876
    return number


def sample_rings(energy: Floats64, start: Floats64, rng: np.random.Generator) -> Rings:
    """Draw the rings of showers of ``energy`` (S,), ordered by shower.

    ``start`` (S,) is how far behind the front face each shower begins, in X0. All spots of a shower
    have the same energy. Rings deeper than the crystal, the rear leakage, are left out.
    """
    shape = sample_longitudinal(energy, rng)
    fraction = slice_fractions(shape)
    # Adding a uniform number before rounding down rounds at random. This keeps the mean number of
    # spots in every slice, even where that is less than 1.
    count = (fraction * spot_number(energy)[:, None] + rng.random(fraction.shape)).astype(np.intp)
    # Dividing by the number of spots drawn, not by its mean, keeps the shower's energy exactly.
    spot_energy = energy / np.maximum(count.sum(axis=1), 1)
    depth = start[:, None] + np.arange(LONGEST_SHOWER) + 0.5
    count[depth > CRYSTAL_DEPTH] = 0
    shower, layer = np.nonzero(count)
    count = count[shower, layer]
    core, tail, share = radial_widths(energy[shower], (layer + 0.5) / shape.maximum[shower])
    # One binomial number per slice has the same effect as a choice per spot, and is faster.
    in_core = rng.binomial(count, share)
    return Rings(
        shower=np.repeat(shower, 2),
        spots=np.column_stack([in_core, count - in_core]).ravel(),
        energy=np.repeat(spot_energy[shower], 2),
        depth=np.repeat(depth[shower, layer], 2),
        radius=np.column_stack([core, tail]).ravel(),
    )


def sample_places(number: int, rng: np.random.Generator) -> tuple[Floats, Floats]:
    """Draw ``number`` positions x, y in units of a ring's radius R.

    The density in r is 2 r R^2 / (r^2 + R^2)^2. The share of the energy within r is then
    r^2 / (r^2 + R^2); solved for r, this gives the sampling formula. Single precision halves the
    time.
    """
    radius = rng.random(number, dtype=np.float32)
    # In place, because new arrays cost more time here than the arithmetic.
    radius /= 1 - radius
    np.sqrt(radius, out=radius)
    angle = rng.random(number, dtype=np.float32)
    angle *= np.float32(2 * np.pi)
    x = np.cos(angle)
    x *= radius
    np.sin(angle, out=angle)
    angle *= radius
    return x, angle
