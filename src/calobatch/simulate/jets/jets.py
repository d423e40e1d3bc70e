"""Images of quark and gluon jets in the manner of the CMS open data (arXiv:1902.08276).

Collisions come from Pythia, pass through a detector of a few formulas, and are clustered with
FastJet. docs/simulation/quark_gluon.md compares the jets with the public files.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from calobatch.config.generator import Generator
from calobatch.errors import JobError
from calobatch.simulate.jets.clustering import LeadingJets, leading_jets
from calobatch.simulate.jets.detector import exact_response, respond, wrap
from calobatch.simulate.jets.generator import MATCH_RADIUS, DijetGenerator, Dijets, Flavour
from calobatch.simulate.jets.image import CHANNELS, PIXELS, hits_near, jet_images
from calobatch.simulate.jets.pile_up import PileUp

PUBLIC_JETS = Generator()  # its defaults are those of the public jets
# Just over half of the collisions pass the selection, so a batch has this many collisions for each
# jet that is still missing. Batches below 8 spend their time mostly on Python's overhead; batches
# above 64 take more memory and are no faster.
COLLISIONS_PER_JET = 1.8
SMALLEST_BATCH, LARGEST_BATCH = 8, 64
# Batches in a row without any jet, after which a simulation is given up.
EMPTY_BATCHES = 100
# Pythia accepts seeds from 1 to this number.
PYTHIA_SEEDS = 900_000_000


class Jets(NamedTuple):
    """Jets of both kinds in random order.

    B: jets, C: track transverse momentum, ECAL energy, HCAL tower energy / 25 (GeV), H: eta
    (125 pixels), W: phi (125 pixels).
    """

    image_BCHW: NDArray[np.float32]
    pt: NDArray[np.float64]  # transverse momentum of the reconstructed jet, GeV
    m0: NDArray[np.float64]  # its mass, GeV
    multiplicity: NDArray[np.float64]  # number of its constituents
    label: NDArray[np.float64]  # 1.0 quark, 0.0 gluon

    def at(self, index: NDArray[np.bool_] | NDArray[np.int64] | slice) -> "Jets":
        """Return the jets that ``index`` selects."""
        return Jets(
            self.image_BCHW[index],
            self.pt[index],
            self.m0[index],
            self.multiplicity[index],
            self.label[index],
        )


def simulate_jets(
    quarks: int,
    gluons: int,
    seed: int,
    pile_up: int = 0,
    settings: Generator = PUBLIC_JETS,
) -> Jets:
    """Simulate exactly ``quarks`` quark jets and ``gluons`` gluon jets.

    ``seed`` is any non-negative integer; the same arguments give the same jets in any process.
    ``pile_up`` is the mean number of non-diffractive collisions laid over each collision. Raises
    ValueError if any of the numbers is negative, and a JobError if hardly any jet is selected.
    """
    if min(quarks, gluons, seed, pile_up) < 0:
        raise ValueError(f"no number may be negative: {quarks=}, {gluons=}, {seed=}, {pile_up=}")
    rng = np.random.default_rng(seed)
    quark_seed, gluon_seed, pile_up_seed = pythia_seeds(seed, 3)
    overlay = PileUp(pile_up, pile_up_seed, settings) if pile_up else None
    jets = _joined(
        [
            _jets_of("quark", quarks, quark_seed, settings, overlay, rng),
            _jets_of("gluon", gluons, gluon_seed, settings, overlay, rng),
        ]
    )
    return jets.at(rng.permutation(quarks + gluons))


def pythia_seeds(seed: int, count: int) -> list[int]:
    """Derive ``count`` unrelated seeds for Pythia from ``seed``.

    They come from a child of the seed's sequence, so that they are independent of what ``rng``
    draws.
    """
    child = np.random.SeedSequence(seed).spawn(1)[0]
    state = child.generate_state(count, np.uint64)
    return [int(word % PYTHIA_SEEDS) + 1 for word in state]


def _jets_of(
    flavour: Flavour,
    count: int,
    seed: int,
    settings: Generator,
    pile_up: PileUp | None,
    rng: np.random.Generator,
) -> Jets:
    """Simulate ``count`` jets of a class. Raises a JobError if hardly any jet is selected."""
    if count == 0:
        return _no_jets()
    generator, parts, missing, empty = DijetGenerator(flavour, seed, settings), [], count, 0
    while missing > 0:
        batch = int(np.clip(missing * COLLISIONS_PER_JET, SMALLEST_BATCH, LARGEST_BATCH))
        parts.append(_jets_in(generator.collisions(batch), flavour, settings, pile_up, rng))
        missing -= len(parts[-1].pt)
        empty = 0 if len(parts[-1].pt) else empty + 1
        if empty == EMPTY_BATCHES:
            raise JobError(
                f"no {flavour} jet was selected in {EMPTY_BATCHES} batches of collisions; widen "
                "the ranges of the dataset's generator"
            )
    # The last batch may give more jets than are missing.
    return _joined(parts).at(slice(count))


def _jets_in(
    dijets: Dijets,
    flavour: Flavour,
    settings: Generator,
    pile_up: PileUp | None,
    rng: np.random.Generator,
) -> Jets:
    """Pass a batch of collisions through the detector and return the jets that are selected."""
    particles, events = dijets.particles, len(dijets.parton_eta_EP)
    if pile_up is not None:
        particles = pile_up.overlay(particles, events, rng)
    response = respond(particles, rng) if settings.detector else exact_response(particles)
    jets = leading_jets(particles, response, events, settings)
    kept = selected(jets, dijets, settings)
    hits = hits_near(particles, response, jets.eta, jets.phi, kept)
    image_BCHW, centred = jet_images(
        hits, jets.eta[kept], jets.phi[kept], rng, detector=settings.detector
    )
    multiplicity = np.bincount(particles.event[jets.constituents], minlength=events)[kept]
    # Both partons have the flavour of the process, so it does not matter which one the jet matches.
    label = np.full(np.count_nonzero(kept), float(flavour == "quark"))
    pt, mass = jets.pt[kept], jets.mass[kept]
    return Jets(image_BCHW, pt, mass, multiplicity.astype(np.float64), label).at(centred)


def selected(jets: LeadingJets, dijets: Dijets, settings: Generator) -> NDArray[np.bool_]:
    """Return which of the leading jets are in the ranges of ``settings`` and match a parton."""
    pt_max = np.inf if settings.pt_max is None else settings.pt_max
    inside = (jets.pt > settings.pt_min) & (jets.pt < pt_max)
    inside &= np.abs(jets.eta) < settings.eta_max
    kept: NDArray[np.bool_] = inside & _matched(jets, dijets)
    return kept


def _matched(jets: LeadingJets, dijets: Dijets) -> NDArray[np.bool_]:
    """Return whether a parton of the hard process is within 0.4 of each jet's axis."""
    d_eta = dijets.parton_eta_EP - jets.eta[:, None]
    d_phi = wrap(dijets.parton_phi_EP - jets.phi[:, None])
    matched: NDArray[np.bool_] = np.any(np.hypot(d_eta, d_phi) < MATCH_RADIUS, axis=1)
    return matched


def _no_jets() -> Jets:
    image_BCHW = np.zeros((0, CHANNELS, PIXELS, PIXELS), np.float32)
    return Jets(image_BCHW, *np.zeros((4, 0)))


def _joined(parts: list[Jets]) -> Jets:
    return Jets(*(np.concatenate(columns) for columns in zip(*parts, strict=True)))
