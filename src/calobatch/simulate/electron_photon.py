"""Simulated electron and photon crops: 32 x 32 barrel crystals round the hottest one.

The chain is: tracker (material, radiation, conversion, field), showers in the crystals, readout,
clustering. docs/simulation/electron_photon.md says what agrees with full detector simulation.
"""

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from calobatch.simulate import crystals, readout, superclusters, tracker

SIZE = 32
SEED = 16
TRANSVERSE_MOMENTUM = 50.0  # GeV
LARGEST_ETA = 1.2
ENERGY_SCALE = 50.0  # GeV
TIME_SCALE = 50.0  # ns
CRYSTAL_TILT = np.radians(3)  # off the line to the interaction point, in eta and in phi
VERTEX_SPREAD = 0.05  # metres along the beam


def simulate_crops(
    particle: Literal["electron", "photon"], events: int, rng: np.random.Generator
) -> NDArray[np.float32]:
    """Simulate crops of particles of pT 50 GeV, |eta| flat below 1.2: (events, 32, 32, 2).

    [..., 0] is energy / 50 GeV, [..., 1] time / 50 ns; axis 1 is eta, axis 2 phi; the crystal with
    the most energy is at [16, 16]. No image is empty. Takes some 40 kB of memory an event, on top
    of 20 MB.
    """
    eta = rng.uniform(-LARGEST_ETA, LARGEST_ETA, events)
    charge = rng.choice([-1.0, 1.0], events) if particle == "electron" else np.zeros(events)
    original = tracker.one_each(TRANSVERSE_MOMENTUM * np.cosh(eta), charge)
    arriving = tracker.cross_tracker(original, eta, rng)
    impact = rng.random((events, 2))
    deposited = crystals.deposits(arriving, impact, angles_to_crystals(eta, rng), rng)
    energy = crop(readout.add_noise(deposited, rng))
    energy[~readout.read_out(energy, eta, rng) | (energy < 0)] = 0
    hit = superclusters.kept(energy, eta) & (energy > 0)
    image = np.zeros((events, SIZE, SIZE, 2), dtype=np.float32)
    image[hit, 0] = energy[hit] / ENERGY_SCALE
    image[hit, 1] = readout.times(energy[hit], rng) / TIME_SCALE
    return image


def angles_to_crystals(eta: NDArray[np.float64], rng: np.random.Generator) -> NDArray[np.float64]:
    """Angles in radians, in eta and phi, between particles at ``eta`` (N,) and the crystals' axes.

    The crystals are tilted so that no particle slips through between them; in eta the interaction
    point's place along the beam adds to the angle. Returns (N, 2).
    """
    vertex = rng.normal(0, VERTEX_SPREAD, len(eta))
    from_vertex = vertex / (tracker.CALORIMETER_RADIUS * np.cosh(eta) ** 2)
    in_eta = CRYSTAL_TILT * np.sign(eta) + from_vertex
    return np.column_stack([in_eta, np.full_like(eta, CRYSTAL_TILT)])


def crop(grid: NDArray[np.float32]) -> NDArray[np.float32]:
    """Cut SIZE x SIZE crystals out of (N, H, W) so that the hottest lies at [SEED, SEED].

    Only crystals whose surroundings lie in the grid are candidates.
    """
    last_row, last_column = grid.shape[1] - SIZE, grid.shape[2] - SIZE
    candidates = grid[:, SEED : SEED + last_row + 1, SEED : SEED + last_column + 1]
    top, left = np.divmod(candidates.reshape(len(grid), -1).argmax(axis=1), last_column + 1)
    windows = np.lib.stride_tricks.sliding_window_view(grid, (SIZE, SIZE), axis=(1, 2))
    return windows[np.arange(len(grid)), top, left].copy()
