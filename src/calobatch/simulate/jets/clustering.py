"""Reconstructed jets: the anti-kT algorithm (arXiv:0802.1189), from FastJet (arXiv:1111.6097)."""

from typing import Any, NamedTuple

import awkward as ak
import fastjet
import numpy as np
from numpy.typing import NDArray

from calobatch.config.generator import Generator
from calobatch.simulate.jets.detector import Response
from calobatch.simulate.jets.generator import Particles

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

# Keeps FastJet from printing its references before the first jet; they are given above.
fastjet.ClusterSequenceArea.set_fastjet_banner_stream(None)


class LeadingJets(NamedTuple):
    """The jet of highest transverse momentum of each collision; pt is 0 if there is no jet."""

    pt: Floats  # GeV
    eta: Floats
    phi: Floats  # radians, -pi to pi
    mass: Floats  # GeV
    constituents: Ints  # indices of the measured particles of all jets


def leading_jets(
    particles: Particles, response: Response, events: int, settings: Generator
) -> LeadingJets:
    """Cluster the measured particles of each of ``events`` collisions; return the leading jets.

    This is an idealised particle flow: a particle with a track counts with the track's momentum and
    its direction at the vertex; any other particle counts with its energy in the calorimeters and
    the direction in which it enters them. All are taken as massless.
    """
    tracked = response.track_pt > 0
    eta = np.where(tracked, particles.eta, response.eta)
    phi = np.where(tracked, particles.phi, response.phi)
    energy = response.ecal + response.hcal
    pt = np.where(tracked, response.track_pt, energy / np.cosh(eta))
    momenta = {
        "px": pt * np.cos(phi),
        "py": pt * np.sin(phi),
        "pz": pt * np.sinh(eta),
        "E": pt * np.cosh(eta),
    }
    seen = _worth_clustering(particles.event, pt, eta, phi, events, settings)
    measured = ak.zip({name: component[seen] for name, component in momenta.items()})
    by_event = ak.unflatten(measured, np.bincount(particles.event[seen], minlength=events))
    definition = fastjet.JetDefinition(fastjet.antikt_algorithm, settings.radius)
    clusters = fastjet.ClusterSequence(by_event, definition)
    return _leading(
        clusters.inclusive_jets(settings.pt_min),
        clusters.constituent_index(settings.pt_min),
        ak.unflatten(seen, ak.num(by_event)),
    )


def _worth_clustering(
    event: Ints, pt: Floats, eta: Floats, phi: Floats, events: int, settings: Generator
) -> Ints:
    """Return the indices of the particles that may be in a jet, or influence what is in it.

    Most particles of pile-up are far from every jet, and without them the clustering takes half of
    the time. The jets are the same: all particles of a jet are in the cell of its axis and the
    eight cells round it, for cells as wide as the jet's radius, so the sum of pt there is at least
    that of the jet. Particles up to two cells away from such a cell stay in too, which is
    twice as far as the jet reaches.
    """
    # A jet further out would have more energy than a proton.
    eta_max = np.arccosh(settings.energy / 2 / settings.pt_min) + settings.radius
    rows = int(np.ceil(2 * eta_max / settings.radius))
    columns = int(2 * np.pi / settings.radius)  # so that a cell is at least as wide as the radius
    measured = np.flatnonzero((pt > 0) & (np.abs(eta) < eta_max))
    row = ((eta[measured] + eta_max) / settings.radius).astype(np.int64)
    column = ((phi[measured] + np.pi) * (columns / (2 * np.pi))).astype(np.int64) % columns
    cell = (event[measured] * rows + row) * columns + column
    sum_ERC = np.bincount(cell, pt[measured], events * rows * columns)
    hot_ERC = _over_neighbours(np.add, sum_ERC.reshape(events, rows, columns)) > settings.pt_min
    kept_ERC = _over_neighbours(np.logical_or, _over_neighbours(np.logical_or, hot_ERC))
    kept: Ints = measured[kept_ERC.ravel()[cell]]
    return kept


def _over_neighbours(join: np.ufunc, cell_ERC: NDArray[Any]) -> NDArray[Any]:
    """Join each cell with the eight round it. Columns are phi, and the last is beside the first."""
    joined = join(cell_ERC, join(np.roll(cell_ERC, 1, axis=2), np.roll(cell_ERC, -1, axis=2)))
    result: NDArray[Any] = joined.copy()
    result[:, 1:] = join(result[:, 1:], joined[:, :-1])
    result[:, :-1] = join(result[:, :-1], joined[:, 1:])
    return result


def _leading(jets: ak.Array, members: ak.Array, seen: ak.Array) -> LeadingJets:
    """Return the leading jets.

    ``members`` has the places of each jet's particles in ``seen``, which has their indices.
    """
    # inclusive_jets does not sort by pt, so the best jet is looked for. An event without a jet has
    # none: firsts gives None there, and fill_none turns that into zero.
    best = ak.argmax(np.hypot(jets.px, jets.py), axis=1, keepdims=True)
    leading = ak.firsts(jets[best])
    px, py, pz, energy = (
        ak.to_numpy(ak.fill_none(leading[component], 0.0)) for component in ("px", "py", "pz", "E")
    )
    pt = np.hypot(px, py)
    eta = np.arcsinh(np.divide(pz, pt, out=np.zeros_like(pt), where=pt > 0))
    # Rounding can make the squared mass of a jet of one particle slightly negative.
    mass = np.sqrt(np.maximum(energy**2 - pt**2 - pz**2, 0.0))
    constituents = ak.to_numpy(ak.flatten(seen[ak.flatten(members[best], axis=2)]))
    return LeadingJets(pt, eta, np.arctan2(py, px), mass, constituents)
