"""Other proton-proton collisions of the same bunch crossing."""

import numpy as np
from numpy.typing import NDArray

from calobatch.config.generator import Generator
from calobatch.simulate.jets.detector import wrap
from calobatch.simulate.jets.generator import Particles, minimum_bias

Ints = NDArray[np.int64]

POOL = 200


class PileUp:
    """Lays a Poisson number of minimum-bias collisions over each collision.

    Generating 20 collisions per jet would take far longer than the jet itself, so they come from a
    pool of 200. Each is turned by a random angle about the beam and mirrored along it or not, both
    of which leave the physics as it is, so that no two overlays are the same.
    """

    def __init__(self, mean: float, seed: int, settings: Generator) -> None:
        self.mean = mean
        self.pool = minimum_bias(POOL, seed, settings)
        # Where the particles of each collision begin in the pool, and how many there are.
        self.start = np.searchsorted(self.pool.event, np.arange(POOL))
        self.size = np.bincount(self.pool.event, minlength=POOL)

    def overlay(self, particles: Particles, events: int, rng: np.random.Generator) -> Particles:
        """Return the ``particles`` of ``events`` collisions, with those of their overlays."""
        event = np.repeat(np.arange(events), rng.poisson(self.mean, events))
        chosen = rng.integers(POOL, size=event.size)
        turn = rng.uniform(0, 2 * np.pi, event.size)
        mirror = rng.choice([-1.0, 1.0], event.size)
        overlay, source = self._particles_of(chosen)
        pooled = self.pool.at(source)
        extra = pooled._replace(
            event=event[overlay],
            eta=pooled.eta * mirror[overlay],
            phi=wrap(pooled.phi + turn[overlay]),
        )
        both = _joined(particles, extra)
        # Clustering needs the particles ordered by collision.
        return both.at(np.argsort(both.event, kind="stable"))

    def _particles_of(self, chosen: Ints) -> tuple[Ints, Ints]:
        """Return, for each particle of the chosen collisions, its overlay and place in the pool."""
        size = self.size[chosen]
        overlay = np.repeat(np.arange(chosen.size), size)
        # A particle's index in its collision is its index in the list of all chosen particles,
        # minus the index of the first particle of its collision in that list.
        first = np.cumsum(size) - size
        source = np.arange(overlay.size) - first[overlay] + self.start[chosen][overlay]
        return overlay, source


def _joined(first: Particles, second: Particles) -> Particles:
    return Particles(
        np.concatenate([first.event, second.event]),
        np.concatenate([first.pdg, second.pdg]),
        np.concatenate([first.charge, second.charge]),
        np.concatenate([first.pt, second.pt]),
        np.concatenate([first.eta, second.eta]),
        np.concatenate([first.phi, second.phi]),
    )
