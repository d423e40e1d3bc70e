"""Electrons and photons on their way through the tracker: material, radiation, conversion, bending.

A track is followed in the plane across the field only: radius from the beam line, and distance in
phi from the straight line of the original particle, both in metres. Radiated photons and the two
legs of a conversion keep their parent's direction. Energies are in GeV.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

FIELD = 3.8  # tesla
FIRST_LAYER, LAST_LAYER = 0.04, 1.15  # metres
CALORIMETER_RADIUS = 1.29  # metres, the crystals' front face
LAYERS = 20
# Softer photons stay with the electron that radiates them.
SOFTEST_PHOTON = 0.01
MATERIAL_AT_CENTRE, MATERIAL_AT_EDGE, EDGE = 0.4, 2.0, 1.4  # X0, X0, |eta|


class Particles(NamedTuple):
    """Particles of many events, one element each: photons have charge 0."""

    event: NDArray[np.intp]
    energy: Floats
    charge: Floats
    offset: Floats  # metres in phi from the original direction
    slope: Floats  # d offset / d radius

    def select(self, chosen: NDArray[np.bool_]) -> "Particles":
        """Keep the particles where ``chosen`` is true."""
        return Particles._make(values[chosen] for values in self)

    def joined(self, *others: "Particles") -> "Particles":
        """Put these particles and ``others`` in one collection."""
        return Particles._make(map(np.concatenate, zip(self, *others, strict=True)))


def one_each(energy: Floats, charge: Floats) -> Particles:
    """One particle an event at the beam line, of ``energy`` and ``charge`` (N,)."""
    return Particles(
        event=np.arange(len(energy)),
        energy=energy,
        charge=charge,
        offset=np.zeros(len(energy)),
        slope=np.zeros(len(energy)),
    )


def material(eta: Floats) -> Floats:
    """Radiation lengths of tracker a straight line at ``eta`` crosses."""
    growth = MATERIAL_AT_EDGE - MATERIAL_AT_CENTRE
    return MATERIAL_AT_CENTRE + growth * np.abs(eta / EDGE) ** 3


def advance(particles: Particles, distance: float, eta: Floats) -> Particles:
    """Move ``distance`` metres outward; charged ones bend. ``eta`` (N,) is that of each event.

    The parabola is the circle's first order: within the image (a sixth of a radian each way) it is
    right to a hundredth of a crystal, and what bends further is outside.
    """
    transverse = particles.energy / np.cosh(eta[particles.event])
    curvature = 0.2998 * FIELD * particles.charge / transverse
    return particles._replace(
        offset=particles.offset + particles.slope * distance + curvature * distance**2 / 2,
        slope=particles.slope + curvature * distance,
    )


def radiate(particles: Particles, thickness: Floats, rng: np.random.Generator) -> Particles:
    """Let charged particles cross ``thickness`` (N,) X0 of each event; photons are added.

    The energy kept is exp(-g), g of the gamma distribution with shape thickness / ln 2 (Bethe and
    Heitler 1934; used so by track fitters, e.g. Fruehwirth, Comput. Phys. Commun. 154 (2003) 131):
    in thin layers the lost energy k has a spectrum of about 1/k.
    """
    shape = np.where(particles.charge != 0, thickness[particles.event], 0) / np.log(2)
    photon_energy = -particles.energy * np.expm1(-rng.standard_gamma(shape))
    hard = photon_energy > SOFTEST_PHOTON
    photons = particles._replace(
        energy=photon_energy, charge=np.zeros_like(particles.charge)
    ).select(hard)
    kept = particles._replace(energy=particles.energy - np.where(hard, photon_energy, 0))
    return kept.joined(photons)


def convert(particles: Particles, thickness: Floats, rng: np.random.Generator) -> Particles:
    """Let photons cross ``thickness`` (N,) X0 of each event: 1 - exp(-7x/9) become pairs."""
    probability = -np.expm1(-7 / 9 * thickness[particles.event])
    converts = (particles.charge == 0) & (rng.random(len(probability)) < probability)
    parents = particles.select(converts)
    share = pair_share(len(parents.event), rng)
    electron = parents._replace(energy=parents.energy * share, charge=parents.charge - 1)
    positron = parents._replace(energy=parents.energy * (1 - share), charge=parents.charge + 1)
    return particles.select(~converts).joined(electron, positron)


def pair_share(number: int, rng: np.random.Generator) -> Floats:
    """Share of a photon's energy that one leg of its pair takes: density ~ 1 - 4/3 z (1 - z).

    High-energy limit of Bethe and Heitler, written as 6/7 uniform and 1/7 parabolic.
    """
    uniform = rng.random(number)
    parabolic = 0.5 + 0.5 * np.cbrt(2 * uniform - 1)
    return np.where(rng.random(number) < 6 / 7, uniform, parabolic)


def cross_tracker(particles: Particles, eta: Floats, rng: np.random.Generator) -> Particles:
    """Follow ``particles`` from the beam line to the crystals; ``eta`` (N,) is that of each event.

    The material sits in LAYERS thin layers at equal steps of radius.
    """
    thickness = material(eta) / LAYERS
    step = (LAST_LAYER - FIRST_LAYER) / (LAYERS - 1)
    for layer in range(LAYERS):
        particles = advance(particles, step if layer else FIRST_LAYER, eta)
        particles = radiate(particles, thickness, rng)
        particles = convert(particles, thickness, rng)
    return advance(particles, CALORIMETER_RADIUS - LAST_LAYER, eta)
