"""Simulated electron and photon crops: 32 x 32 barrel crystals round the hottest one.

The particle crosses the tracker (material, radiation, conversion, field), showers in the crystals,
and is read out and clustered. docs/simulation/electron_photon.md compares the crops with those of
the full detector simulation.
"""

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from calobatch.simulate.barrel import CALORIMETER_RADIUS_M
from calobatch.simulate.crops import crystals, readout, superclusters, tracker

SIZE = 32
# The hottest crystal is at [SEED, SEED], as in the public files.
SEED = 16
TRANSVERSE_MOMENTUM = 50.0  # GeV
LARGEST_ETA = 1.2
# A value of 1 in the public files is 50 GeV of energy, or 50 ns of time.
ENERGY_SCALE = 50.0
TIME_SCALE = 50.0
# The angle between a crystal's axis and the line to the interaction point, in eta and in phi (CMS,
# JINST 3 (2008) S08004, section 4.2). It keeps particles from escaping through the gaps.
CRYSTAL_TILT = np.radians(3)
# Standard deviation, in metres, of the collision's position along the beam: usual for the LHC.
VERTEX_SPREAD = 0.05
# Measured energy per deposited energy. CMS sets the scale of its crystals with electrons, so that
# leakage is made up for on average. Fitted, 1.003 +- 0.002 (benchmarks/simulation/fit_crops.py).
CALIBRATION = 1.003


def simulate_crops(
    particle: Literal["electron", "photon"], events: int, rng: np.random.Generator
) -> NDArray[np.float32]:
    """Return crops of particles with pT 50 GeV and eta uniform in +-1.2: (events, 32, 32, 2).

    [..., 0] is energy / 50 GeV and [..., 1] is time / 50 ns; axis 1 is eta and axis 2 is phi. The
    crystal with the most energy is at [16, 16]. No image is empty. Needs about 40 kB of memory per
    event, on top of 20 MB.
    """
    eta = rng.uniform(-LARGEST_ETA, LARGEST_ETA, events)
    # Electrons and positrons bend to opposite sides, so both are made, in equal numbers.
    charge = rng.choice([-1.0, 1.0], events) if particle == "electron" else np.zeros(events)
    original = tracker.one_per_event(TRANSVERSE_MOMENTUM * np.cosh(eta), charge)
    arriving = tracker.cross_tracker(original, eta, rng)
    impact = rng.random((events, 2))
    deposited = crystals.deposits(arriving, eta, impact, angles_to_crystals(eta, rng), rng)
    deposited *= np.float32(CALIBRATION)
    # The crop is centred on the energy that is measured, noise included, as the real crops are.
    energy = crop(readout.add_noise(deposited, rng))
    energy[~readout.read_out(energy, eta, rng) | (energy < 0)] = 0
    hit = superclusters.kept(energy, eta) & (energy > 0)
    image = np.zeros((events, SIZE, SIZE, 2), dtype=np.float32)
    image[hit, 0] = energy[hit] / ENERGY_SCALE
    image[hit, 1] = readout.times(energy[hit], rng) / TIME_SCALE
    return image


def angles_to_crystals(eta: NDArray[np.float64], rng: np.random.Generator) -> NDArray[np.float64]:
    """Return the angles (radians) between particles at ``eta`` (N,) and the crystals' axes: (N, 2).

    [:, 0] is the angle in eta and [:, 1] the angle in phi. Both include the crystals' tilt. The
    angle in eta also depends on where along the beam the particle starts.
    """
    vertex = rng.normal(0, VERTEX_SPREAD, len(eta))
    # A shift z of the vertex turns the line to the crystal by about z sin(theta)^2 / R, and
    # sin(theta) = 1 / cosh(eta).
    from_vertex = vertex / (CALORIMETER_RADIUS_M * np.cosh(eta) ** 2)
    in_eta = CRYSTAL_TILT * np.sign(eta) + from_vertex
    return np.column_stack([in_eta, np.full_like(eta, CRYSTAL_TILT)])


def crop(grid: NDArray[np.float32]) -> NDArray[np.float32]:
    """Cut SIZE x SIZE crystals out of (N, H, W) so that the hottest one is at [SEED, SEED].

    Only a crystal whose whole surroundings are inside the grid can become the centre.
    """
    last_row, last_column = grid.shape[1] - SIZE, grid.shape[2] - SIZE
    candidates = grid[:, SEED : SEED + last_row + 1, SEED : SEED + last_column + 1]
    top, left = np.divmod(candidates.reshape(len(grid), -1).argmax(axis=1), last_column + 1)
    windows = np.lib.stride_tricks.sliding_window_view(grid, (SIZE, SIZE), axis=(1, 2))
    return windows[np.arange(len(grid)), top, left].copy()
