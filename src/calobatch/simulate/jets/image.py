"""Images of jets: 125 x 125 pixels of track momentum, ECAL energy and HCAL energy.

Letters at the end of an array's name are its axes. B: jets, C: channels, H: pixels along eta,
W: pixels along phi, T: towers along eta or phi, round the jet's axis.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from calobatch.simulate.jets.calorimeter import (
    CRYSTALS_PER_TOWER,
    ECAL_NOISE_GEV,
    ECAL_THRESHOLD_GEV,
    ELECTROMAGNETIC,
    HADRONIC_ECAL,
    HADRONIC_HCAL,
    HCAL_NOISE_GEV,
    HCAL_THRESHOLD_GEV,
    TOWER,
    TOWERS_ROUND,
    Spots,
    read_out,
    spread,
)
from calobatch.simulate.jets.detector import Response, wrap
from calobatch.simulate.jets.generator import Particles

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

CHANNELS = 3
ZERO_BELOW = 1e-3  # GeV
TOWERS = 25  # along a side of the image
PIXELS = TOWERS * CRYSTALS_PER_TOWER
SEARCH = 3  # the hottest tower is at most this many towers to either side of the jet's axis
# Towers along a side of a square that holds the whole image for every possible centre.
GRID = TOWERS + 2 * SEARCH
# Showers further from the axis than this, two towers beyond the square, leave almost nothing there.
REACH = (GRID + 4) / 2 * TOWER


class Window(NamedTuple):
    """Squares of towers, one per collision: the numbers of the lowest tower in eta and in phi."""

    eta: Ints
    phi: Ints


class Hits(NamedTuple):
    """What the channels of the images are filled from."""

    tracks: Spots
    narrow: Spots  # electromagnetic showers in the ECAL
    broad: Spots  # hadrons' showers in the ECAL
    hcal: Spots


def hits_near(
    particles: Particles,
    response: Response,
    jet_eta: Floats,
    jet_phi: Floats,
    kept: NDArray[np.bool_],
) -> Hits:
    """Return the hits that may fall into the images of the jets of the ``kept`` collisions.

    The kept collisions are numbered again from 0. Only particles near a jet give hits, because
    spreading the showers of all particles would take long.
    """
    event, number = particles.event, np.cumsum(kept) - 1

    def near(eta: Floats, phi: Floats) -> NDArray[np.bool_]:
        # Two in three particles are too far in eta, and only the others need the slower wrap.
        found = kept[event] & (np.abs(eta - jet_eta[event]) < REACH)
        found[found] = np.abs(wrap(phi[found] - jet_phi[event[found]])) < REACH
        return found

    def spots(energy: Floats, eta: Floats, phi: Floats, wanted: NDArray[np.bool_]) -> Spots:
        hit = wanted & (energy > 0)
        return Spots(number[event[hit]], energy[hit], eta[hit], phi[hit])

    # Tracks are drawn in their direction at the vertex, as in the public files; showers where the
    # particle enters the calorimeter.
    vertex, entry = (particles.eta, particles.phi), (response.eta, response.phi)
    entering, narrow = near(*entry), response.electromagnetic
    return Hits(
        spots(response.track_pt, *vertex, near(*vertex)),
        spots(response.ecal, *entry, entering & narrow),
        spots(response.ecal, *entry, entering & ~narrow),
        spots(response.hcal, *entry, entering),
    )


def jet_images(
    hits: Hits, jet_eta: Floats, jet_phi: Floats, rng: np.random.Generator, *, detector: bool = True
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Return image_BCHW of each collision's jet, and whether there was a tower to centre it on.

    The middle of the most energetic HCAL tower within 3 towers of the jet's axis is pixel [62, 62].
    Rows run along eta and columns along phi, which wraps round. Everything in the window is drawn,
    not only what belongs to the jet. Without a detector, showers do not spread, and the cells have
    neither noise nor a threshold.
    """
    # The HCAL comes first and in a larger square, because it decides where the image is.
    around = Window(_tower(jet_eta) - GRID // 2, _tower(jet_phi) - GRID // 2)
    tower_BTT = (
        _hcal_towers(hits.hcal, around, rng) if detector else pixelise(hits.hcal, around, GRID, 1)
    )
    row, column, energy = hottest_tower(tower_BTT)
    window = Window(around.eta + row - TOWERS // 2, around.phi + column - TOWERS // 2)
    image_BCHW = np.empty((len(jet_eta), CHANNELS, PIXELS, PIXELS), np.float32)
    image_BCHW[:, 0] = pixelise(hits.tracks, window, TOWERS, CRYSTALS_PER_TOWER)
    image_BCHW[:, 1] = (
        _ecal_image(hits, window, rng)
        if detector
        else pixelise(hits.narrow, window, TOWERS, CRYSTALS_PER_TOWER)
    )
    image_BCHW[:, 2] = _hcal_image(tower_BTT, row, column)
    image_BCHW[image_BCHW < ZERO_BELOW] = 0.0  # as the authors of the public files do
    return image_BCHW, energy > 0


def hottest_tower(tower_BTT: Floats) -> tuple[Ints, Ints, Floats]:
    """Return row, column and energy of the hottest of the 7 x 7 towers in the middle.

    The border is half an image wide, so that the image round any of the 7 x 7 is inside the square.
    """
    border = TOWERS // 2
    # The number of towers is written out, because with no jet numpy could not infer it.
    inner = tower_BTT[:, border:-border, border:-border].reshape(-1, (2 * SEARCH + 1) ** 2)
    best = np.argmax(inner, axis=1)
    row, column = np.divmod(best, 2 * SEARCH + 1)
    return row + border, column + border, inner[np.arange(len(inner)), best]


def pixelise(spots: Spots, window: Window, towers: int, cells_per_tower: int) -> Floats:
    """Sum the spots' energy into the cells of each window: (jets, side, side).

    A window has ``towers`` towers along a side, each with ``cells_per_tower`` cells along a side.
    """
    cell = TOWER / cells_per_tower
    side, around = towers * cells_per_tower, TOWERS_ROUND * cells_per_tower
    row = np.floor(spots.eta / cell).astype(np.int64) - window.eta[spots.event] * cells_per_tower
    column = np.floor(spots.phi / cell).astype(np.int64) - window.phi[spots.event] * cells_per_tower
    column %= around  # phi wraps round, so a column is never negative
    inside = (row >= 0) & (row < side) & (column < side)
    # np.bincount over one flat index is many times faster than adding into the image at each spot.
    index = (spots.event * side + row) * side + column
    cells = len(window.eta) * side**2
    image = np.bincount(index[inside], weights=spots.energy[inside], minlength=cells)
    return np.asarray(image, np.float64).reshape(-1, side, side)


def _tower(coordinate: Floats) -> Ints:
    """Return the number of the tower at ``coordinate``, an eta or a phi; tower 0 begins at 0."""
    return np.floor(coordinate / TOWER).astype(np.int64)


def _hcal_towers(hcal: Spots, around: Window, rng: np.random.Generator) -> Floats:
    energy_BTT = pixelise(spread(hcal, HADRONIC_HCAL, rng), around, GRID, 1)
    return read_out(energy_BTT, HCAL_NOISE_GEV, HCAL_THRESHOLD_GEV, rng)


def _hcal_image(tower_BTT: Floats, row: Ints, column: Ints) -> Floats:
    """Cut the image's towers out of the square, and share each tower's energy among its pixels."""
    offset = np.arange(TOWERS) - TOWERS // 2
    jet = np.arange(len(tower_BTT))[:, None, None]
    rows, columns = (row[:, None] + offset)[:, :, None], (column[:, None] + offset)[:, None, :]
    share_BTT: Floats = tower_BTT[jet, rows, columns] / CRYSTALS_PER_TOWER**2
    return share_BTT.repeat(CRYSTALS_PER_TOWER, axis=1).repeat(CRYSTALS_PER_TOWER, axis=2)


def _ecal_image(hits: Hits, window: Window, rng: np.random.Generator) -> Floats:
    cells = window, TOWERS, CRYSTALS_PER_TOWER
    energy_BHW = pixelise(spread(hits.narrow, ELECTROMAGNETIC, rng), *cells)
    energy_BHW += pixelise(spread(hits.broad, HADRONIC_ECAL, rng), *cells)
    return read_out(energy_BHW, ECAL_NOISE_GEV, ECAL_THRESHOLD_GEV, rng)
