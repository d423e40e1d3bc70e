"""Electrons and photons on their way through the tracker: material, radiation, conversion, bending.

A particle is followed in the plane perpendicular to the field, by its distance from the beam line
along the straight line of the original particle, and its distance in phi from that line, both in
metres. Along the beam it moves in proportion to the length of its path in this plane (a helix).
Radiated photons and the two legs of a conversion keep their parent's direction. The real angles are
about m_e / E, 0.01 mrad at 50 GeV, much less than a crystal (17 mrad). Energies are in GeV.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from calobatch.simulate.barrel import CALORIMETER_RADIUS_M, FIELD_T
from calobatch.simulate.crops.material import layers

Floats = NDArray[np.float64]

# A softer photon is not separated from its electron: a crystal's noise, 45 MeV, would hide it.
SOFTEST_PHOTON = 0.01


class Particles(NamedTuple):
    """Particles of many events, one element per particle. Photons have charge 0."""

    event: NDArray[np.intp]
    energy: Floats
    charge: Floats
    offset: Floats  # metres in phi from the original direction
    slope: Floats  # d offset / d radius
    detour: Floats  # metres by which the path exceeds its part along the original direction

    def select(self, chosen: NDArray[np.bool_]) -> "Particles":
        """Return the particles for which ``chosen`` is true."""
        return Particles._make(values[chosen] for values in self)

    def joined(self, *others: "Particles") -> "Particles":
        """Return these particles and ``others`` in one collection."""
        return Particles._make(map(np.concatenate, zip(self, *others, strict=True)))


def one_per_event(energy: Floats, charge: Floats) -> Particles:
    """Return one particle per event at the beam line, of ``energy`` (N,) and ``charge`` (N,)."""
    return Particles(
        event=np.arange(len(energy)),
        energy=energy,
        charge=charge,
        offset=np.zeros(len(energy)),
        slope=np.zeros(len(energy)),
        detour=np.zeros(len(energy)),
    )


def advance(particles: Particles, distance: float, eta: Floats) -> Particles:
    """Move particles ``distance`` metres outward; charged ones bend. ``eta`` (N,) is per event.

    The radius of curvature is pT / (0.2998 B) for pT in GeV, B in tesla and radii in metres. The
    circle is replaced by a parabola, which is right to a hundredth of a crystal within the image
    (a sixth of a radian to each side); particles that bend more leave the image.
    """
    transverse = particles.energy / np.cosh(eta[particles.event])
    turn = 0.2998 * FIELD_T * particles.charge / transverse * distance
    slope = particles.slope
    return particles._replace(
        offset=particles.offset + (slope + turn / 2) * distance,
        slope=slope + turn,
        # The path is longer by slope^2 / 2 per metre; this is the mean over the step.
        detour=particles.detour + (slope**2 + slope * turn + turn**2 / 3) * distance / 2,
    )


def radiate(particles: Particles, thickness: Floats, rng: np.random.Generator) -> Particles:
    """Return ``particles`` after ``thickness`` (N,) X0 per event, with the photons they radiated.

    An electron keeps exp(-g) of its energy, where g has the gamma distribution of shape
    thickness / ln 2, so that it keeps exp(-thickness) on average: Bethe and Heitler, Proc. R. Soc.
    A 146 (1934) 83, as used by track fitters (Fruehwirth, Comput. Phys. Commun. 154 (2003) 131).
    In a thin layer the lost energy k has a spectrum of about 1/k, like that of a single photon, so
    the loss of a layer becomes one photon.
    """
    # Photons have shape 0, for which the gamma distribution always gives 0: they lose nothing.
    shape = np.where(particles.charge != 0, thickness[particles.event], 0) / np.log(2)
    # expm1 and not 1 - exp: most losses are tiny, and the difference would lose their digits.
    photon_energy = -particles.energy * np.expm1(-rng.standard_gamma(shape))
    hard = photon_energy > SOFTEST_PHOTON
    photons = particles._replace(
        energy=photon_energy, charge=np.zeros_like(particles.charge)
    ).select(hard)
    kept = particles._replace(energy=particles.energy - np.where(hard, photon_energy, 0))
    return kept.joined(photons)


def convert(particles: Particles, thickness: Floats, rng: np.random.Generator) -> Particles:
    """Return ``particles`` after ``thickness`` x (N,) X0 per event, some photons as pairs.

    A photon becomes a pair with probability 1 - exp(-7x/9), because its mean free path for making a
    pair is 9/7 of a radiation length (Particle Data Group, review "Passage of particles through
    matter").
    """
    probability = -np.expm1(-7 / 9 * thickness[particles.event])
    converts = (particles.charge == 0) & (rng.random(len(probability)) < probability)
    parents = particles.select(converts)
    share = pair_share(len(parents.event), rng)
    electron = parents._replace(energy=parents.energy * share, charge=parents.charge - 1)
    positron = parents._replace(energy=parents.energy * (1 - share), charge=parents.charge + 1)
    return particles.select(~converts).joined(electron, positron)


def pair_share(number: int, rng: np.random.Generator) -> Floats:
    """Draw ``number`` shares z of a photon's energy that one leg of its pair takes.

    Their density is proportional to 1 - 4/3 z (1 - z), the high-energy limit of Bethe and Heitler.
    It is drawn without rejection, as 6/7 of a uniform density and 1/7 of the density 3 (2z - 1)^2.
    """
    uniform = rng.random(number)
    parabolic = 0.5 + 0.5 * np.cbrt(2 * uniform - 1)
    return np.where(rng.random(number) < 6 / 7, uniform, parabolic)


def cross_tracker(particles: Particles, eta: Floats, rng: np.random.Generator) -> Particles:
    """Follow ``particles`` from the beam line to the crystals; ``eta`` (N,) is per event.

    Particles may radiate and convert in every layer, so a cascade can begin in the tracker.
    """
    radius = 0.0
    for layer in layers(eta):
        particles = advance(particles, layer.radius - radius, eta)
        particles = radiate(particles, layer.thickness, rng)
        particles = convert(particles, layer.thickness, rng)
        radius = layer.radius
    return advance(particles, CALORIMETER_RADIUS_M - radius, eta)
