"""The barrel's electronics turn deposits into hits: noise, selective readout, times.

Selective readout and energy resolution: CMS, JINST 3 (2008) S08004, section 4; time resolution:
CMS, JINST 5 (2010) T03011. Energies are in GeV, times in ns.
"""

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Mask = NDArray[np.bool_]

# CMS states about 40 MeV. 45 MeV reproduces the number of isolated hits above 95 MeV in the 100
# real crops, and how steeply that number falls with energy.
NOISE = 0.045
STOCHASTIC_TERM, CONSTANT_TERM = 0.028, 0.003
TOWER = 5  # crystals along a trigger tower's side
# Thresholds on the transverse energy of a trigger tower.
HIGH_INTEREST, LOW_INTEREST = 2.0, 1.0
# Tuned so that as few crystals are hit outside the towers of interest as in the real crops.
ZERO_SUPPRESSION = 0.16
# The spread of a time is TIME_NOISE_TERM * noise / energy and a constant, added in quadrature.
TIME_NOISE_TERM, TIME_CONSTANT_TERM = 33.0, 0.3
# The fit of a pulse that is only noise still returns some time. This is the spread of those times,
# fitted to the standard deviation of the time channel of the public files, 22.8 +- 0.3
# (benchmarks/simulation/fit_crops.py).
LARGEST_TIME_SPREAD = 22.8


def add_noise(deposited: Floats, rng: np.random.Generator) -> Floats:
    """Return measured energies, which may be negative.

    The variance is the sum of three terms: noise of the electronics, statistics of the light (grows
    with the energy), and calibration (grows with the energy squared).
    """
    variance = NOISE**2 + STOCHASTIC_TERM**2 * deposited + (CONSTANT_TERM * deposited) ** 2
    measured: Floats = np.sqrt(variance) * rng.standard_normal(deposited.shape, dtype=np.float32)
    measured += deposited
    return measured


def read_out(energy: Floats, eta: NDArray[np.float64], rng: np.random.Generator) -> Mask:
    """Return which crystals of (N, H, W) images the selective readout passes on.

    A tower above HIGH_INTEREST is read whole together with its eight neighbours, and a tower above
    LOW_INTEREST by itself; elsewhere only crystals above ZERO_SUPPRESSION are read. The borders of
    the trigger towers are at a random place in each image, because the particles hit anywhere.
    """
    in_row, in_column = (
        _towers(rng.integers(TOWER, size=len(energy)), size) for size in energy.shape[1:]
    )
    # Matrix products sum the crystals of each tower, and later spread a tower's decision over them.
    sums = in_row.transpose(0, 2, 1) @ energy @ in_column / np.cosh(eta)[:, None, None]
    read = with_neighbours(sums > HIGH_INTEREST) | (sums > LOW_INTEREST)
    whole = in_row @ read.astype(np.float32) @ in_column.transpose(0, 2, 1)
    passed: Mask = (whole > 0) | (energy > ZERO_SUPPRESSION)
    return passed


def _towers(shift: NDArray[np.intp], size: int) -> Floats:
    """Return which tower each line of crystals belongs to: (N, size, towers) zeros and ones."""
    tower = (np.arange(size) + shift[:, None]) // TOWER
    membership: Floats = np.equal.outer(tower, np.arange(size // TOWER + 2)).astype(np.float32)
    return membership


def with_neighbours(mask: Mask) -> Mask:
    """Return ``mask`` (N, H, W) with the eight neighbours of every set element set too."""
    padded = np.pad(mask, ((0, 0), (1, 1), (1, 1)))
    height, width = mask.shape[1:]
    shifted = [padded[:, i : i + height, j : j + width] for i in range(3) for j in range(3)]
    any_of_nine: Mask = np.logical_or.reduce(shifted)
    return any_of_nine


def times(energy: Floats, rng: np.random.Generator) -> Floats:
    """Draw a time for each hit of ``energy`` > 0; its spread falls as 1/energy to a constant."""
    from_noise = np.minimum(TIME_NOISE_TERM * NOISE / energy, LARGEST_TIME_SPREAD)
    time: Floats = np.hypot(from_noise, np.float32(TIME_CONSTANT_TERM))
    time *= rng.standard_normal(energy.shape, dtype=np.float32)
    return time
