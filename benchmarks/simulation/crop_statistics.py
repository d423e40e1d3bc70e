"""Compare statistics of simulated crops with real ones and with the whole public files.

    python -m benchmarks.simulation.crop_statistics [--half fit] [--events 5000]

Prints a table per class. A pull is (real - simulated) / uncertainty of the difference. The spread
of the simulated crops gives both uncertainties: the real crops are too few to show their own tails.
The last column is the p-value of a Kolmogorov-Smirnov test of the whole distribution.
"""

import argparse
import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.stats import ks_2samp, spearmanr

from benchmarks.simulation.crop_shapes import SHAPES, log_width, outer_share, share_within
from benchmarks.simulation.real_crops import PARTICLES, Half, Images, Particle, real_crops
from calobatch.simulate.crops.crops import ENERGY_SCALE, simulate_crops

EVENTS_AT_A_TIME = 500
# The share of 3 x 3 crystals above which a crop is compact: the electron radiated little, or the
# photon did not convert.
COMPACT_R9 = 0.94


class Measured(NamedTuple):
    """A value with its statistical uncertainty, from a number of crops."""

    value: float
    error: float
    crops: int

    def pull(self, real: "Measured") -> float:
        """Return how many standard deviations ``real`` is above this simulated value."""
        return (real.value - self.value) / (self.error * math.sqrt(1 + self.crops / real.crops))


def mean(values: NDArray[np.float64]) -> Measured:
    """Return the mean of (N,) values and its standard deviation."""
    return Measured(
        float(values.mean()), float(values.std(ddof=1) / np.sqrt(len(values))), len(values)
    )


def rank_correlation(first: NDArray[np.float64], second: NDArray[np.float64]) -> Measured:
    """Return Spearman's correlation of two (N,) quantities.

    Ranks are used because the variances have long tails. The factor 1.06 in the uncertainty is
    Fieller's (Biometrika 44 (1957) 470).
    """
    value = float(spearmanr(first, second).statistic)
    return Measured(value, 1.06 * (1 - value**2) / np.sqrt(len(first) - 3), len(first))


def of_crops(energy: Images) -> dict[str, Measured]:
    """Return the statistics of (N, 32, 32) images in GeV."""
    values = per_crop(energy)
    return {
        **{name: mean(value) for name, value in values.items()},
        **{
            f"correlation, eta variance and {name}": rank_correlation(
                values["variance along eta"], values[name]
            )
            for name in ("variance along phi", "non-zero pixels", "5 x 5 / sum")
        },
    }


def per_crop(energy: Images) -> dict[str, NDArray[np.float64]]:
    """Return the quantities of each crop, or of each compact one, of (N, 32, 32) images in GeV."""
    compact = energy[share_within(energy, 1) > COMPACT_R9]
    return {
        "rows +-2, compact": outer_share(compact, "eta"),
        "columns +-2, compact": outer_share(compact, "phi"),
        "log-weighted width in eta, compact": log_width(compact, "eta"),
        "log-weighted width in phi, compact": log_width(compact, "phi"),
        **{name: shape(energy) for name, shape in SHAPES.items()},
    }


class FileNumber(NamedTuple):
    """A number of the whole public file of each class, in the units of the files.

    ``tolerance`` is how well the fit should reach it. It is more than the statistical uncertainty
    of 249,000 images, which is tiny.
    """

    of: Callable[[NDArray[np.float32]], float]
    photon: float
    electron: float
    tolerance: float


FILE_NUMBERS = {
    "mean energy pixel": FileNumber(
        lambda x: float(x[..., 0].mean(dtype=float)), 0.0012235, 0.0012158, 3e-6
    ),
    "standard deviation, energy": FileNumber(
        lambda x: float(x[..., 0].std(dtype=float)), 0.024789, 0.022603, 1e-4
    ),
    # It is not known how this one was measured, and the standard deviation says nearly the same:
    # hence the large tolerance.
    "sum of squared shares": FileNumber(
        lambda x: SHAPES["sum of squared shares"](x[..., 0].astype(float)).mean(),
        0.385,
        0.320,
        0.01,
    ),
    "standard deviation, time": FileNumber(
        lambda x: float(x[..., 1].std(dtype=float)), 0.0655, 0.0693, 5e-4
    ),
    "largest energy": FileNumber(lambda x: float(x[..., 0].max()), 1.4849, 1.4318, 0.05),
}


def simulate(particle: Particle, events: int, seed: int) -> NDArray[np.float32]:
    """Return ``events`` simulated crops as in the files: (events, 32, 32, 2)."""
    blocks = [
        simulate_crops(particle, EVENTS_AT_A_TIME, np.random.default_rng([seed, block]))
        for block in range(-(-events // EVENTS_AT_A_TIME))
    ]
    return np.concatenate(blocks)[:events]


def print_statistics(particle: Particle, simulated: NDArray[np.float32], half: Half) -> None:
    """Print one line per statistic: simulated, real, pull; then the numbers of the whole file."""
    energies = simulated[..., 0].astype(float) * ENERGY_SCALE, real_crops(particle, half)
    ours, theirs = map(of_crops, energies)
    our_crops, their_crops = map(per_crop, energies)
    print(f"\n{particle}, {len(simulated)} simulated crops\n")
    print("| statistic | simulated | real | pull | KS p |\n|---|---|---|---|---|")
    for name, expected in ours.items():
        real = theirs[name]
        cells = f"{expected.value:.4f} ± {expected.error:.4f} | {real.value:.3f} ± {real.error:.3f}"
        p = ""
        if name in our_crops:
            p = f"{ks_2samp(our_crops[name], their_crops[name]).pvalue:.2g}"
        print(f"| {name} | {cells} | {expected.pull(real):+.1f} | {p} |")
    print("\n| whole file | simulated | file |\n|---|---|---|")
    for name, number in FILE_NUMBERS.items():
        print(f"| {name} | {number.of(simulated):.5g} | {getattr(number, particle):.5g} |")


def main() -> None:
    """Simulate both classes and print their tables."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.simulation.crop_statistics",
        description=__doc__.splitlines()[0] if __doc__ else None,
    )
    parser.add_argument("--half", choices=["fit", "kept back", "all"], default="fit")
    parser.add_argument("--events", type=int, default=5000, help="simulated crops per class")
    parser.add_argument("--seed", type=int, default=1, help="seed of the simulation")
    arguments = parser.parse_args()
    for particle in PARTICLES:
        simulated = simulate(particle, arguments.events, arguments.seed)
        print_statistics(particle, simulated, arguments.half)


if __name__ == "__main__":
    main()
