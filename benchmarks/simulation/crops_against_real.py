"""Compare simulated electron and photon crops with the 100 real ones: print a table, draw a figure.

    python -m benchmarks.simulation.crops_against_real --real FILE.npz --output FIGURE.png

The file of real crops has `x` (100, 32, 32), energy / 50 GeV, and `y`, 1 for electrons. "Real"
means that the crops come from the full CMS detector simulation, as those in the public files do.
"""

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Literal, NamedTuple

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm
from numpy.typing import NDArray

from calobatch.simulate.crops.crops import ENERGY_SCALE, simulate_crops

Images = NDArray[np.float64]
Values = NDArray[np.float64]
Particle = Literal["electron", "photon"]
SIMULATED_COLOUR, REAL_COLOUR = "#4477aa", "#cc3311"
OFFSET = np.arange(32) - 16
EVENTS_AT_A_TIME = 500
EXAMPLES = 2


def shares(energy: Images) -> Images:
    """Return the energies of each image as shares of their sum."""
    of_sum: Images = energy / energy.sum(axis=(1, 2), keepdims=True)
    return of_sum


def variance(energy: Images, along: Literal["eta", "phi"]) -> Values:
    """Return the energy-weighted variance of the position along an axis, in crystals squared."""
    profile = shares(energy).sum(axis=2 if along == "eta" else 1)
    squared: Values = profile @ OFFSET**2 - (profile @ OFFSET) ** 2
    return squared


class Quantity(NamedTuple):
    """A number that describes an image, and the bins of its histogram."""

    name: str
    of: Callable[[Images], Values]
    bins: Values


QUANTITIES = (
    Quantity("non-zero pixels", lambda e: (e > 0).sum(axis=(1, 2)), np.linspace(15, 115, 21)),
    Quantity("peak / sum", lambda e: shares(e).max(axis=(1, 2)), np.linspace(0, 1, 21)),
    Quantity(
        "3 x 3 / sum",
        lambda e: shares(e)[:, 15:18, 15:18].sum(axis=(1, 2)),
        np.linspace(0.3, 1, 22),
    ),
    Quantity("variance along eta", lambda e: variance(e, "eta"), np.linspace(0, 2, 21)),
    Quantity("variance along phi", lambda e: variance(e, "phi"), np.linspace(0, 10, 21)),
    Quantity("sum of energy (GeV)", lambda e: e.sum(axis=(1, 2)), np.linspace(30, 100, 21)),
)
SUM_OF_SQUARES = Quantity(
    "sum of squared shares", lambda e: (shares(e) ** 2).sum(axis=(1, 2)), np.linspace(0, 1, 21)
)


def simulate(particle: Particle, events: int, seed: int) -> Images:
    """Return the energies (GeV) of ``events`` simulated crops."""
    blocks = [
        simulate_crops(particle, EVENTS_AT_A_TIME, np.random.default_rng([seed, block]))[..., 0]
        for block in range(-(-events // EVENTS_AT_A_TIME))
    ]
    return np.concatenate(blocks)[:events].astype(float) * ENERGY_SCALE


def print_table(particle: str, simulated: Images, real: Images) -> None:
    """Print the means with their uncertainties, and how many standard deviations they differ by."""
    print(f"{particle:24}{'simulated':>18}{'real':>18}{'pull':>7}")
    for quantity in (*QUANTITIES, SUM_OF_SQUARES):
        values = [quantity.of(images) for images in (simulated, real)]
        means = [v.mean() for v in values]
        errors = [v.std(ddof=1) / np.sqrt(len(v)) for v in values]
        pull = (means[0] - means[1]) / np.hypot(*errors)
        cells = "".join(f"{m:10.3f} ± {e:.3f}" for m, e in zip(means, errors, strict=True))
        print(f"{quantity.name:24}{cells}{pull:7.1f}")


def draw_histogram(axes: Axes, quantity: Quantity, simulated: Images, real: Images) -> None:
    """Draw the share of images per bin; values outside the bins count in the outermost bins."""
    inside = [
        np.clip(quantity.of(e), quantity.bins[0], quantity.bins[-1]) for e in (simulated, real)
    ]
    expected, counted = (np.histogram(values, quantity.bins)[0] for values in inside)
    axes.stairs(
        expected / len(simulated), quantity.bins, fill=True, color=SIMULATED_COLOUR, alpha=0.5
    )
    axes.errorbar(
        (quantity.bins[1:] + quantity.bins[:-1]) / 2,
        counted / len(real),
        np.sqrt(counted) / len(real),
        fmt="o",
        markersize=3,
        color=REAL_COLOUR,
    )
    axes.set_xlabel(quantity.name)


def draw_image(axes: Axes, image: NDArray[np.float64], title: str, colour: str) -> None:
    """Draw energies in GeV on a logarithmic scale, eta upward."""
    shown = np.ma.masked_less_equal(image, 0)
    axes.imshow(shown, norm=LogNorm(1e-3, 50, clip=True), origin="lower", cmap="viridis")
    axes.set_title(title, color=colour, fontsize=9)
    axes.set_xticks([0, 16, 31])
    axes.set_yticks([0, 16, 31])


def draw_class(rows: NDArray[np.object_], particle: str, simulated: Images, real: Images) -> None:
    """Fill a row of histograms and a row of images.

    The mean of the simulated images is over as many images as there are real ones, so that both
    look equally smooth.
    """
    for axes, quantity in zip(rows[0], QUANTITIES, strict=True):
        draw_histogram(axes, quantity, simulated, real)
    rows[0, 0].set_ylabel(f"{particle}s\nshare of images")
    column = 0
    for images, kind, colour in (
        (simulated[: len(real)], "simulated", SIMULATED_COLOUR),
        (real, "real", REAL_COLOUR),
    ):
        draw_image(rows[1, column], images.mean(axis=0), f"{kind}: mean of {len(images)}", colour)
        for example in range(EXAMPLES):
            column += 1
            draw_image(rows[1, column], images[example], f"{kind}: example", colour)
        column += 1
    rows[1, 0].set_ylabel(f"{particle}s\neta (crystals)")
    for axes in rows[1]:
        axes.set_xlabel("phi (crystals)")


def main() -> None:
    """Simulate the crops, compare them with the real ones, print and draw."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.simulation.crops_against_real",
        description=__doc__.splitlines()[0] if __doc__ else None,
    )
    parser.add_argument("--real", type=Path, required=True, help="npz file of the 100 real crops")
    parser.add_argument("--output", type=Path, required=True, help="PNG file to write")
    parser.add_argument(
        "--events", type=int, default=10_000, help="number of simulated crops per class"
    )
    parser.add_argument("--seed", type=int, default=1, help="seed of the simulation")
    arguments = parser.parse_args()
    if not arguments.real.is_file():
        parser.error(f"--real: {arguments.real} does not exist; give the npz file of real crops")
    with np.load(arguments.real) as file:
        real, label = file["x"].astype(float) * ENERGY_SCALE, file["y"]
    figure, rows = plt.subplots(4, 6, figsize=(17, 11.5), layout="constrained")
    particles: tuple[Particle, Particle] = ("photon", "electron")  # in the order of their labels
    for is_electron, particle in enumerate(particles):
        simulated = simulate(particle, arguments.events, arguments.seed + is_electron)
        print_table(particle, simulated, real[label == is_electron])
        two_rows = rows[2 * is_electron : 2 * is_electron + 2]
        draw_class(two_rows, particle, simulated, real[label == is_electron])
    figure.suptitle(
        f"Simulated crops (blue, {arguments.events} of each class) against "
        f"{len(real)} real ones (red, CMS full simulation)"
    )
    figure.savefig(arguments.output, dpi=65)


if __name__ == "__main__":
    main()
