"""Electromagnetic showers in lead tungstate, as energy spots.

The parametrisation is that of Grindhammer and Peters for homogeneous calorimeters
(hep-ex/0001020), as in Geant4's GFlash: a gamma profile in depth with fluctuating, correlated
shape, and two rational profiles in radius, a narrow core and a wide tail, whose widths follow the
depth. Depths are in radiation lengths, radii in centimetres, energies in GeV.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Floats64 = NDArray[np.float64]
Integers = NDArray[np.intp]

RADIATION_LENGTH = 0.89  # cm
MOLIERE_RADIUS = 2.14  # cm
CRITICAL_ENERGY = 0.00876
ATOMIC_NUMBER = 68.4
CRYSTAL_DEPTH = 23.0 / RADIATION_LENGTH
# Below this the fits of the parametrisation break down: softer showers borrow its shape.
LOWEST_SHAPE_ENERGY = 0.2
LONGEST_SHOWER = 40  # radiation lengths; the profile is followed this far, one slice each


class Longitudinal(NamedTuple):
    """Depth of the maximum and shape of showers: dE/dt is a gamma density of shape ``alpha``."""

    maximum: Floats64
    alpha: Floats64


class Spots(NamedTuple):
    """Energy spots: the shower of each, its energy, and its place relative to the shower's axis."""

    shower: Integers
    energy: Floats
    depth: Floats
    x: Floats
    y: Floats


def sample_longitudinal(energy: Floats64, rng: np.random.Generator) -> Longitudinal:
    """Depth of maximum and alpha for showers of ``energy`` (S,) GeV, with their fluctuations.

    ln T and ln alpha are normal and correlated.
    """
    log_y = np.log(np.maximum(energy, LOWEST_SHAPE_ENERGY) / CRITICAL_ENERGY)
    correlation = 0.705 - 0.023 * log_y
    first, second = rng.standard_normal((2, len(energy)))
    second = correlation * first + np.sqrt(1 - correlation**2) * second
    log_maximum = np.log(log_y - 0.812) + first / (-1.4 + 1.26 * log_y)
    mean_alpha = 0.81 + (0.458 + 2.26 / ATOMIC_NUMBER) * log_y
    log_alpha = np.log(mean_alpha) + second / (-0.58 + 0.86 * log_y)
    return Longitudinal(np.exp(log_maximum), np.maximum(np.exp(log_alpha), 1.05))


def slice_fractions(shape: Longitudinal) -> Floats64:
    """Share of each shower's energy in slices of one radiation length: (S, LONGEST_SHOWER)."""
    depth = np.arange(LONGEST_SHOWER) + 0.5
    power = (shape.alpha - 1)[:, None]
    relative = depth / shape.maximum[:, None]
    density: Floats64 = np.exp(power * (np.log(relative) - relative + 1))
    density /= density.sum(axis=1, keepdims=True)
    return density


def radial_widths(energy: Floats64, relative_depth: Floats64) -> tuple[Floats, Floats, Floats]:
    """Core radius, tail radius (cm) and the core's share, at depths given as t / T."""
    log_energy = np.log(np.maximum(energy, LOWEST_SHAPE_ENERGY))
    Z = ATOMIC_NUMBER
    core = 0.0251 + 0.00319 * log_energy + (0.1162 - 0.000381 * Z) * relative_depth
    behind = relative_depth - 0.645
    tail = (0.659 - 0.00309 * Z) * (
        np.exp(-2.59 * behind) + np.exp((0.3585 + 0.0412 * log_energy) * behind)
    )
    ahead = (0.401 + 0.00187 * Z - relative_depth) / (1.313 - 0.0686 * log_energy)
    share = (2.632 - 0.00094 * Z) * np.exp(ahead - np.exp(ahead))
    return (
        (core * MOLIERE_RADIUS).astype(np.float32),
        (tail * MOLIERE_RADIUS).astype(np.float32),
        np.clip(share, 0, 1).astype(np.float32),
    )


def spot_number(energy: Floats64) -> Floats64:
    """Mean number of spots of showers of ``energy`` (S,) GeV."""
    number: Floats64 = 93 * np.log(ATOMIC_NUMBER) * energy**0.876
    return number


def sample_spots(energy: Floats64, start: Floats64, rng: np.random.Generator) -> Spots:
    """Spots of showers of ``energy`` (S,) GeV that start ``start`` (S,) X0 behind the front face.

    The spots of a shower have equal energies. Those that lie deeper than the crystal are left out.
    """
    shape = sample_longitudinal(energy, rng)
    fraction = slice_fractions(shape)
    count = (fraction * spot_number(energy)[:, None] + rng.random(fraction.shape)).astype(np.intp)
    spot_energy = (energy / np.maximum(count.sum(axis=1), 1)).astype(np.float32)
    depth = start[:, None] + np.arange(LONGEST_SHOWER) + 0.5
    count[depth > CRYSTAL_DEPTH] = 0
    shower, layer = np.nonzero(count)
    count = count[shower, layer]
    radii = radial_widths(energy[shower], (layer + 0.5) / shape.maximum[shower])
    core, tail, share = (np.repeat(values, count) for values in radii)
    x, y = _sample_places(core, tail, share, rng)
    shower, depth = np.repeat(shower, count), depth[shower, layer].astype(np.float32)
    return Spots(
        shower=shower,
        energy=spot_energy[shower],
        depth=np.repeat(depth, count),
        x=x,
        y=y,
    )


def _sample_places(
    core: Floats, tail: Floats, share: Floats, rng: np.random.Generator
) -> tuple[Floats, Floats]:
    """Draw places whose radius has the density 2 r R^2 / (r^2 + R^2)^2."""
    scale = np.where(rng.random(len(core), dtype=np.float32) < share, core, tail)
    quantile = rng.random(len(core), dtype=np.float32)
    radius = scale * np.sqrt(quantile / (1 - quantile))
    angle = np.float32(2 * np.pi) * rng.random(len(core), dtype=np.float32)
    return radius * np.cos(angle), radius * np.sin(angle)
