"""From particles at the calorimeter's front face to the energy in each crystal.

Crystals are square, widen with depth and leave no gaps. The grid reaches further than an image, so
that the image can be centred on the hottest crystal afterwards.
"""

import math
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from calobatch.simulate.barrel import CALORIMETER_RADIUS_M, FIELD_T
from calobatch.simulate.crops.shower import (
    RADIATION_LENGTH,
    sample_places,
    sample_rings,
    spot_number,
)
from calobatch.simulate.crops.tracker import Particles, pair_share

# cm at the front faces, gaps included: 360 crystals surround the beam.
CRYSTAL_WIDTH = 2 * math.pi * CALORIMETER_RADIUS_M * 100 / 360
# X0: how far a typical electron of a shower goes in the field. Fitted, 1.02 +- 0.18
# (benchmarks/simulation/fit_crops.py); electrons lose most of their energy within about 1 X0.
FIELD_PATH = 1.02
# Crystals along eta and along phi. An image has 32 x 32. In eta its centre moves only with the
# shower's width and the impact point, but in phi the field carries soft particles far away.
ROWS, COLUMNS = 36, 64
# Arrays of about this many spots fit into the processor's cache.
SPOTS_AT_A_TIME = 200_000

Floats = NDArray[np.float64]


class Showers(NamedTuple):
    """Showers of electrons, one element per shower.

    ``row`` and ``column`` are in crystal widths from the corner of the grid. The drifts are how far
    the shower's axis moves sideways, in crystal widths per X0 of depth.
    """

    event: NDArray[np.intp]
    energy: Floats  # GeV
    start: Floats  # radiation lengths (X0) behind the front face
    row: Floats
    column: Floats
    row_drift: Floats
    column_drift: Floats
    sine: Floats  # of the angle between the particle and the beam

    def take(self, chosen: NDArray[np.intp]) -> "Showers":
        """Return the showers with the indices ``chosen``, in that order."""
        return Showers._make(values[chosen] for values in self)


def deposits(
    particles: Particles,
    eta: Floats,
    impact: Floats,
    incidence: Floats,
    rng: np.random.Generator,
) -> NDArray[np.float32]:
    """Return the energy (GeV) that ``particles`` leave in the crystals: (N, ROWS, COLUMNS).

    ``eta`` (N,) is the original direction of each event.
    ``impact`` (N, 2) is where in its crystal, from 0 to 1 in eta and in phi, the original direction
    of each event hits. That crystal is the middle of the grid, [ROWS // 2, COLUMNS // 2].
    ``incidence`` (N, 2) is the angle, in radians, between that direction and the crystals' axes.
    """
    showers = start_showers(particles, eta, impact, incidence, rng)
    grid = np.zeros((len(impact), ROWS, COLUMNS), dtype=np.float32)
    for some in _blocks(showers):
        # An event at the border of two blocks gets energy from both, hence the sum.
        grid[some.event[0] : some.event[-1] + 1] += _block_deposits(some, rng)
    return grid


def start_showers(
    particles: Particles,
    eta: Floats,
    impact: Floats,
    incidence: Floats,
    rng: np.random.Generator,
) -> Showers:
    """Return the showers of ``particles``, ordered by event; arguments as in :func:`deposits`.

    An electron showers at once. A photon converts 9/7 X0 behind the front face on average, and both
    legs of the pair shower from there.
    """
    event, photon = particles.event, particles.charge == 0
    share = np.where(photon, pair_share(len(photon), rng), 1)
    # A bent track arrives at an angle to the straight line: its slope, minus the angle between the
    # front faces of the crystals at the two points of arrival.
    bend = particles.slope - particles.offset / CALORIMETER_RADIUS_M
    drift_per_angle = RADIATION_LENGTH / CRYSTAL_WIDTH
    # The crystals are on a cylinder, which a particle far from its original direction reaches a
    # little earlier. A path that is longer by d moves the particle by d sinh(eta) along the beam,
    # which is d tanh(eta) across the direction to the crystal.
    longer = particles.detour - particles.offset**2 / (2 * CALORIMETER_RADIUS_M)
    along_eta = longer * np.tanh(eta[event])
    one_leg = Showers(
        event=event,
        energy=particles.energy * share,
        start=np.where(photon, rng.exponential(9 / 7, len(photon)), 0),
        row=ROWS // 2 + impact[event, 0] + along_eta * 100 / CRYSTAL_WIDTH,
        column=COLUMNS // 2 + impact[event, 1] + particles.offset * 100 / CRYSTAL_WIDTH,
        row_drift=incidence[event, 0] * drift_per_angle,
        column_drift=(incidence[event, 1] + bend) * drift_per_angle,
        sine=1 / np.cosh(eta[event]),
    )
    other_leg = one_leg._replace(energy=particles.energy * (1 - share)).take(np.nonzero(photon)[0])
    showers = Showers._make(map(np.concatenate, zip(one_leg, other_leg, strict=True)))
    return showers.take(np.argsort(showers.event, kind="stable"))


def _blocks(showers: Showers) -> Iterator[Showers]:
    """Yield ``showers`` in blocks of about SPOTS_AT_A_TIME spots each."""
    block = np.cumsum(spot_number(showers.energy)) // SPOTS_AT_A_TIME
    for chosen in np.split(np.arange(len(block)), np.flatnonzero(np.diff(block)) + 1):
        yield showers.take(chosen)


def _block_deposits(showers: Showers, rng: np.random.Generator) -> NDArray[np.float32]:
    """Return the energy that ``showers`` leave in the crystals: (N, ROWS, COLUMNS).

    The N events are those from the event of the first shower to that of the last shower.
    """
    rings = sample_rings(showers.energy, showers.start, rng)
    event, _, _, row, column, row_drift, column_drift, sine = showers.take(rings.shower)
    first, last = showers.event[0], showers.event[-1]
    # Everything that the spots of a ring share is worked out here, once per ring.
    width = widening(rings.depth, sine)
    radius = rings.radius / (CRYSTAL_WIDTH * width)
    x, y = sample_places(int(rings.spots.sum()), rng)
    framed = (int(last - first) + 1, ROWS + 2, COLUMNS + 2)
    crystal = np.repeat(((event - first) * math.prod(framed[1:])).astype(np.int32), rings.spots)
    row += row_drift * rings.depth / width
    line = _line(row, radius, x, rings.spots, ROWS)
    line *= COLUMNS + 2
    crystal += line
    column += column_drift * rings.depth / width
    crystal += _line(column, radius * field_stretch(sine), y, rings.spots, COLUMNS)
    energy = np.repeat(rings.energy, rings.spots)
    grid = np.bincount(crystal, energy, minlength=math.prod(framed)).reshape(framed)
    return grid[:, 1:-1, 1:-1].astype(np.float32)


def widening(depth: Floats, sine: Floats) -> Floats:
    """Return the width of crystals at ``depth`` (X0) divided by that of their front faces.

    The crystals' sides point to the collision, nearly, so that their width grows with the distance
    from it: by 18 % at eta 0, from 2.2 cm to 2.6 cm (CMS, JINST 3 (2008) S08004, section 4.2). The
    front faces are at the distance CALORIMETER_RADIUS_M / ``sine``.
    """
    return 1 + depth * sine * (RADIATION_LENGTH / (100 * CALORIMETER_RADIUS_M))


def field_stretch(sine: Floats) -> Floats:
    """Return the factor by which showers are wider in phi because the field bends their electrons.

    Over a path of s X0, scattering moves an electron of energy E sideways by 13.6 MeV / E times
    s^1.5 / sqrt(3) X0 (Particle Data Group, review "Passage of particles through matter"). The
    field moves it by 0.2998 B sin(theta) X0 / E times s^2 / 2 X0 along phi. Both are inversely
    proportional to E, so their ratio is the same for all electrons of a shower, and all widths in
    phi grow by the same factor.
    """
    scattering = 0.0136 / math.sqrt(3)
    bending = 0.2998 * FIELD_T * (RADIATION_LENGTH / 100) * sine / 2
    return np.sqrt(1 + FIELD_PATH * (bending / scattering) ** 2)


def _line(
    middle: Floats, radius: Floats, place: NDArray[np.float32], spots: NDArray[np.intp], lines: int
) -> NDArray[np.int32]:
    """Return the row or column of each spot, from 1 to ``lines``; 0 and ``lines`` + 1 are outside.

    ``middle``, ``radius`` (in crystals) and the number of ``spots`` are per ring. ``place`` is per
    spot, in radii. A frame round the grid for the spots outside is faster than leaving them out.
    """
    position = np.repeat(radius.astype(np.float32), spots)
    position *= place
    position += np.repeat((middle + 1).astype(np.float32), spots)
    return np.clip(position, 0, lines + 1, out=position).astype(np.int32)
