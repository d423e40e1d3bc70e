"""What a CMS-like barrel measures of single particles: tracks, bending, calorimeter energies.

Efficiencies and resolutions are those of the CMS card of Delphes (arXiv:1307.6346;
cards/delphes_card_CMS.tcl), except for the noise terms, which calorimeter.py adds cell by cell.
Masses are neglected, so a particle's energy is its momentum. The calorimeters have no end: their
formulas for the barrel hold at every eta, because the selected jets have |eta| < 1.4.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from calobatch.simulate.barrel import CALORIMETER_RADIUS_M, FIELD_T
from calobatch.simulate.jets.generator import Particles

Floats = NDArray[np.float64]

TRACKER_ETA_MAX = 2.5
TRACKER_PT_MIN_GEV = 0.1

# The crystals are 1.1 nuclear interaction lengths deep, so exp(-1.1), a third of the hadrons, pass
# through without a shower (CMS, JINST 3 (2008) S08004, section 5).
ECAL_INTERACTION_LENGTHS = 1.1
# Energy that a charged particle leaves if it only ionises.
MINIMUM_IONISING_ECAL_GEV = 0.25
MINIMUM_IONISING_HCAL_GEV = 2.0

PHOTON, ELECTRON, MUON = 22, 11, 13  # PDG codes


class Response(NamedTuple):
    """What the detector measures of each particle, in the order of the particles."""

    track_pt: Floats  # GeV; 0 if there is no track
    ecal: Floats  # GeV
    hcal: Floats  # GeV
    eta: Floats  # where the particle enters the calorimeter
    phi: Floats  # radians, -pi to pi
    electromagnetic: NDArray[np.bool_]  # photons and electrons, which shower narrowly


def respond(particles: Particles, rng: np.random.Generator) -> Response:
    """Measure every particle; a particle that curls up in the field leaves only a track."""
    reaches, eta, phi = calorimeter_entry(particles)
    kind = np.abs(particles.pdg)
    electromagnetic = (kind == PHOTON) | (kind == ELECTRON)
    ecal, hcal = _deposits(particles, electromagnetic, kind == MUON, rng)
    return Response(
        _track_pt(particles, rng),
        _fluctuate(ecal * reaches, ecal_resolution(ecal, eta), rng),
        _fluctuate(hcal * reaches, hcal_resolution(hcal), rng),
        eta,
        phi,
        electromagnetic,
    )


def exact_response(particles: Particles) -> Response:
    """Measure every particle exactly and where it flies at the vertex, as if without a detector.

    Charged particles are tracks. Photons and electrons leave their momentum in the ECAL, hadrons in
    the HCAL, and muons in neither.
    """
    kind = np.abs(particles.pdg)
    electromagnetic = (kind == PHOTON) | (kind == ELECTRON)
    momentum = particles.pt * np.cosh(particles.eta)
    return Response(
        np.where(particles.charge != 0, particles.pt, 0.0),
        np.where(electromagnetic, momentum, 0.0),
        np.where(electromagnetic | (kind == MUON), 0.0, momentum),
        particles.eta,
        particles.phi,
        electromagnetic,
    )


def track_efficiency(pt: Floats, eta: Floats) -> Floats:
    """Return the probability that a charged particle of ``pt`` (GeV) leaves a track."""
    # The steps of the card: at |eta| 1.5 and 2.5, and at 0.1 and 1 GeV.
    barrel = np.abs(eta) < 1.5
    efficiency = np.where(pt < 1.0, np.where(barrel, 0.70, 0.60), np.where(barrel, 0.95, 0.85))
    inside = (pt > TRACKER_PT_MIN_GEV) & (np.abs(eta) < TRACKER_ETA_MAX)
    return np.where(inside, efficiency, 0.0)


def track_resolution(pt: Floats, eta: Floats) -> Floats:
    """Return the relative resolution of a track's transverse momentum (``pt`` in GeV).

    The constant comes from scattering in the material; the slope, from the measured curvature,
    which shrinks as 1/pt.
    """
    region = np.digitize(np.abs(eta), [0.5, 1.5])
    constant = np.array([0.01, 0.015, 0.025])[region]
    slope = np.array([1.5e-4, 2.5e-4, 3.5e-4])[region]
    resolution: Floats = np.hypot(constant, slope * pt)
    return resolution


def ecal_resolution(energy: Floats, eta: Floats) -> Floats:
    """Return the ECAL's standard deviation (GeV) at ``energy`` (GeV), without the noise term.

    The card's noise term, 0.40 GeV, is that of a tower; here every crystal has noise of its own.
    """
    return (1 + 0.64 * eta**2) * np.sqrt((0.008 * energy) ** 2 + 0.11**2 * energy)


def hcal_resolution(energy: Floats) -> Floats:
    """Return the HCAL's standard deviation (GeV) at ``energy`` (GeV)."""
    return np.sqrt((0.05 * energy) ** 2 + 1.5**2 * energy)


def calorimeter_entry(particles: Particles) -> tuple[NDArray[np.bool_], Floats, Floats]:
    """Follow the helices to the calorimeter: return whether they reach it, and eta and phi there.

    In a field along +z a positive charge turns towards lower phi. The radius of curvature is
    r = pT / (0.3 B q). Seen along the beam, the way to the calorimeter's radius R is a chord of the
    circle, which turns the particle by 2 asin(R / 2r) and shifts its phi by half of that. The
    distance along the beam grows with the arc, not with the chord.
    """
    half_chord = (
        0.299792458 * FIELD_T * CALORIMETER_RADIUS_M * particles.charge / (2 * particles.pt)
    )
    # A circle through the beam line with a radius below R/2 never gets as far out as R.
    reaches = np.abs(half_chord) < 1
    shift = np.arcsin(np.clip(half_chord, -1, 1))
    # Neutral particles go straight: their arc is their chord.
    arc_over_chord = np.divide(shift, half_chord, out=np.ones_like(shift), where=half_chord != 0)
    eta = np.arcsinh(np.sinh(particles.eta) * arc_over_chord)
    return reaches, eta, wrap(particles.phi - shift)


def wrap(phi: Floats) -> Floats:
    """Return the angles ``phi`` (radians) as the same angles between -pi and pi."""
    return (phi + np.pi) % (2 * np.pi) - np.pi


def _track_pt(particles: Particles, rng: np.random.Generator) -> Floats:
    pt, eta = particles.pt, particles.eta
    found = rng.random(pt.size) < track_efficiency(pt, eta)
    measured = pt * (1 + track_resolution(pt, eta) * rng.standard_normal(pt.size))
    # A fluctuation far below the mean must not make the momentum negative.
    return np.where(found & (particles.charge != 0), np.maximum(measured, 0.0), 0.0)


def _deposits(
    particles: Particles,
    electromagnetic: NDArray[np.bool_],
    muon: NDArray[np.bool_],
    rng: np.random.Generator,
) -> tuple[Floats, Floats]:
    """Share each particle's momentum (GeV) between ECAL and HCAL, before the resolution.

    Photons and electrons give all of it to the ECAL. A hadron that showers in the ECAL leaves a
    random share there and the rest in the HCAL. Any other hadron only ionises in the ECAL and
    leaves the rest in the HCAL. Muons only ionise, in both.
    """
    momentum = particles.pt * np.cosh(particles.eta)
    showers_early = rng.random(momentum.size) < 1 - np.exp(-ECAL_INTERACTION_LENGTHS)
    early_share = rng.random(momentum.size) * momentum
    ionisation = np.where(particles.charge != 0, MINIMUM_IONISING_ECAL_GEV, 0.0)
    passing = np.minimum(ionisation, momentum)
    ecal = np.where(electromagnetic, momentum, np.where(showers_early, early_share, passing))
    # So far every particle but photons and electrons counts as a hadron; muons are set here.
    ecal = np.where(muon, passing, ecal)
    hcal = np.where(muon, np.minimum(momentum - ecal, MINIMUM_IONISING_HCAL_GEV), momentum - ecal)
    return ecal, hcal


def _fluctuate(energy: Floats, sigma: Floats, rng: np.random.Generator) -> Floats:
    """Draw measured energies with mean ``energy`` and standard deviation ``sigma``.

    The gamma distribution is never negative. A normal distribution cut at zero would raise the mean
    of soft hadrons, whose resolution exceeds their energy.
    """
    measured = np.zeros_like(energy)
    hit = energy > 0
    # A gamma distribution of shape k and scale s has mean k s and standard deviation s sqrt(k).
    shape = (energy[hit] / sigma[hit]) ** 2
    measured[hit] = rng.gamma(shape, energy[hit] / shape)
    return measured
