"""Which crystals the reconstruction keeps: those of clusters, and strong ones elsewhere.

CMS's hybrid algorithm for the barrel (E. Meschi et al., CMS NOTE-2001/034) collects bremsstrahlung
along phi, the direction in which the field separates an electron from its photons. From a seed
crystal it adds dominoes, strips of five crystals in eta, for as long as they go downhill from a
local maximum. The public files hold the crystals of such clusters, 5 x 5 crystals round the hottest
crystal of each cluster, neighbours above 80 MeV that particle flow clusters add, and every other
crystal above 95 MeV. Both thresholds show as sharp edges in the 100 real crops.

Energies are in GeV.
"""

import numpy as np
from numpy.typing import NDArray

from calobatch.simulate.crops.readout import with_neighbours

Floats = NDArray[np.float32]
Integers = NDArray[np.intp]
Mask = NDArray[np.bool_]

# The first three are CMS's usual values; they were not tuned.
SEED_THRESHOLD = 1.0  # transverse energy
DOMINO_THRESHOLD, PEAK_THRESHOLD = 0.1, 0.35
WING = 2  # a domino reaches this many crystals to either side of the seed's row
KEPT_ANYWHERE = 0.095
KEPT_BESIDE_CLUSTERS = 0.080
# Limits the search. A further seed needs 1 GeV outside the clusters of the seeds before it.
MOST_SEEDS = 4
STEPS_BESIDE_CLUSTERS = 3


def kept(energy: Floats, eta: NDArray[np.float64]) -> Mask:
    """Return which crystals of (N, H, W) images are kept.

    ``energy`` is 0 where nothing is measured; ``eta`` (N,) is the eta of each event's particle.
    """
    clustered = np.zeros(energy.shape, dtype=bool)
    around = np.zeros(energy.shape, dtype=bool)
    # The images that still have a seed; their number falls from pass to pass.
    event = np.arange(len(energy))
    for _ in range(MOST_SEEDS):
        free = np.where(clustered[event], 0, np.maximum(energy[event], 0))
        row = free.max(axis=2).argmax(axis=1)
        seeded = free.max(axis=(1, 2)) > SEED_THRESHOLD * np.cosh(eta[event])
        event, free, row = event[seeded], free[seeded], row[seeded]
        _cluster_along_phi(event, free, row, clustered, around)
    beside = clustered
    for _ in range(STEPS_BESIDE_CLUSTERS):
        beside = beside | with_neighbours(beside) & (energy > KEPT_BESIDE_CLUSTERS)
    return beside | around | (energy > KEPT_ANYWHERE)


def _cluster_along_phi(
    event: Integers, free: Floats, row: Integers, clustered: Mask, around: Mask
) -> None:
    """Add the crystals of the clusters along the seeds' rows to ``clustered`` and ``around``.

    ``event`` (K,) has the indices of the images with a seed, ``free`` (K, H, W) the energies not
    yet clustered, and ``row`` (K,) the rows of the seeds.
    """
    strip_row = row[:, None] + np.arange(-WING, WING + 1)
    # Rows beyond the image count as empty; clipping only keeps their indices valid.
    inside = (strip_row >= 0) & (strip_row < free.shape[1])
    strip_row = np.clip(strip_row, 0, free.shape[1] - 1)
    strip = np.where(inside[:, :, None], free[np.arange(len(row))[:, None], strip_row], 0)
    taken, peak = downhill_from_peaks(strip.sum(axis=1))
    for wing in range(2 * WING + 1):
        clustered[event, strip_row[:, wing]] |= taken & inside[:, wing, None]
    which, column = np.nonzero(peak)
    hottest = strip_row[which, strip[which, :, column].argmax(axis=1)]
    _mark_squares(around, event[which], hottest, column)


def downhill_from_peaks(domino: Floats) -> tuple[Mask, Mask]:
    """Return which of the dominoes (N, W) belong to clusters, and which are clusters' peaks."""
    padded = np.pad(domino, ((0, 0), (1, 1)))
    peak = (domino > padded[:, :-2]) & (domino > padded[:, 2:]) & (domino > PEAK_THRESHOLD)
    rising, falling = peak.copy(), peak.copy()
    strong = domino > DOMINO_THRESHOLD
    # A sweep to the right follows the slopes that fall from a peak; a sweep to the left follows
    # the slopes that rise to it. Both share one loop.
    for here in range(1, domino.shape[1]):
        lower = domino[:, here] < domino[:, here - 1]
        falling[:, here] |= falling[:, here - 1] & lower & strong[:, here]
        there = -1 - here
        lower = domino[:, there] < domino[:, there + 1]
        rising[:, there] |= rising[:, there + 1] & lower & strong[:, there]
    return rising | falling, peak


def _mark_squares(mask: Mask, event: Integers, row: Integers, column: Integers) -> None:
    """Set the 5 x 5 crystals of ``mask`` (N, H, W) round each position, cut at the image's edge."""
    reach = np.arange(-WING, WING + 1)
    rows = np.clip(row[:, None] + reach, 0, mask.shape[1] - 1)
    columns = np.clip(column[:, None] + reach, 0, mask.shape[2] - 1)
    mask[event[:, None, None], rows[:, :, None], columns[:, None, :]] = True
