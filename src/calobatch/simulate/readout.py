"""What the barrel's electronics make of the deposits: noise, selective readout, times.

Selective readout and resolution: CMS, JINST 3 (2008) S08004; time resolution: CMS, JINST 5 (2010)
T03011. Energies are in GeV, times in ns.
"""

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Mask = NDArray[np.bool_]

NOISE = 0.045  # 40 MeV in the literature; the 100 real crops ask for 45
STOCHASTIC_TERM, CONSTANT_TERM = 0.028, 0.003
TOWER = 5  # crystals along a trigger tower's side
HIGH_INTEREST, LOW_INTEREST = 2.0, 1.0  # transverse energy of a tower
ZERO_SUPPRESSION = 0.16  # keeps the outer rows as empty as in the real crops
TIME_NOISE_TERM, TIME_CONSTANT_TERM = 33.0, 0.3
# What the fit of a pulse that is only noise returns: calibrated on the files' time channel.
LARGEST_TIME_SPREAD = 24.0


def add_noise(deposited: Floats, rng: np.random.Generator) -> Floats:
    """Measured energies, of either sign: electronics noise, light yield, calibration."""
    variance = NOISE**2 + STOCHASTIC_TERM**2 * deposited + (CONSTANT_TERM * deposited) ** 2
    measured: Floats = np.sqrt(variance) * rng.standard_normal(deposited.shape, dtype=np.float32)
    measured += deposited
    return measured


def read_out(energy: Floats, eta: NDArray[np.float64], rng: np.random.Generator) -> Mask:
    """Crystals of (N, H, W) images that the selective readout passes on.

    Trigger towers lie at a random place relative to the image. A tower above HIGH_INTEREST is read
    whole together with its eight neighbours, one above LOW_INTEREST by itself; elsewhere only
    crystals above ZERO_SUPPRESSION are.
    """
    in_row, in_column = (
        _towers(rng.integers(TOWER, size=len(energy)), size) for size in energy.shape[1:]
    )
    sums = in_row.transpose(0, 2, 1) @ energy @ in_column / np.cosh(eta)[:, None, None]
    read = with_neighbours(sums > HIGH_INTEREST) | (sums > LOW_INTEREST)
    whole = in_row @ read.astype(np.float32) @ in_column.transpose(0, 2, 1)
    passed: Mask = (whole > 0) | (energy > ZERO_SUPPRESSION)
    return passed


def _towers(shift: NDArray[np.intp], size: int) -> Floats:
    """Which tower each line of crystals belongs to, as (N, size, towers) zeros and ones."""
    tower = (np.arange(size) + shift[:, None]) // TOWER
    membership: Floats = np.equal.outer(tower, np.arange(size // TOWER + 2)).astype(np.float32)
    return membership


def with_neighbours(mask: Mask) -> Mask:
    """Set the eight neighbours, too, of what is set in ``mask`` (N, H, W)."""
    padded = np.pad(mask, ((0, 0), (1, 1), (1, 1)))
    height, width = mask.shape[1:]
    shifted = [padded[:, i : i + height, j : j + width] for i in range(3) for j in range(3)]
    any_of_nine: Mask = np.logical_or.reduce(shifted)
    return any_of_nine


def times(energy: Floats, rng: np.random.Generator) -> Floats:
    """Time of each hit of ``energy`` > 0: its spread falls as 1/energy to a constant."""
    from_noise = np.minimum(TIME_NOISE_TERM * NOISE / energy, LARGEST_TIME_SPREAD)
    time: Floats = np.hypot(from_noise, np.float32(TIME_CONSTANT_TERM))
    time *= rng.standard_normal(energy.shape, dtype=np.float32)
    return time
