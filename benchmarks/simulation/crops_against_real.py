"""Draw simulated electron and photon crops against the 100 real ones.

python -m benchmarks.simulation.crops_against_real --output FIGURE.png
"""

import argparse
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm
from numpy.typing import NDArray

from benchmarks.simulation.crop_shapes import SHAPES, Images
from benchmarks.simulation.crop_statistics import simulate
from benchmarks.simulation.real_crops import PARTICLES, real_crops
from calobatch.simulate.crops.crops import ENERGY_SCALE

SIMULATED_COLOUR, REAL_COLOUR = "#4477aa", "#cc3311"
EXAMPLES = 2
# The histograms: a quantity and the edges of its bins.
BINS = {
    "non-zero pixels": np.linspace(15, 115, 21),
    "peak / sum": np.linspace(0, 1, 21),
    "3 x 3 / sum": np.linspace(0.3, 1, 22),
    "log-weighted width, eta": np.linspace(0.35, 0.75, 21),
    "log-weighted width, phi": np.linspace(0.35, 1.2, 18),
    "sum of energy (GeV)": np.linspace(30, 100, 21),
}


def draw_histogram(axes: Axes, quantity: str, simulated: Images, real: Images) -> None:
    """Draw the share of images per bin; values outside the bins count in the outermost bins."""
    bins = BINS[quantity]
    inside = [np.clip(SHAPES[quantity](e), bins[0], bins[-1]) for e in (simulated, real)]
    expected, counted = (np.histogram(values, bins)[0] for values in inside)
    axes.stairs(expected / len(simulated), bins, fill=True, color=SIMULATED_COLOUR, alpha=0.5)
    axes.errorbar(
        (bins[1:] + bins[:-1]) / 2,
        counted / len(real),
        np.sqrt(counted) / len(real),
        fmt="o",
        markersize=3,
        color=REAL_COLOUR,
    )
    axes.set_xlabel(quantity)


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
    for axes, quantity in zip(rows[0], BINS, strict=True):
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
    """Simulate the crops and draw them beside the real ones."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.simulation.crops_against_real",
        description=__doc__.splitlines()[0] if __doc__ else None,
    )
    parser.add_argument("--output", type=Path, required=True, help="PNG file to write")
    parser.add_argument(
        "--events", type=int, default=10_000, help="number of simulated crops per class"
    )
    parser.add_argument("--seed", type=int, default=1, help="seed of the simulation")
    arguments = parser.parse_args()
    figure, rows = plt.subplots(4, 6, figsize=(17, 11.5), layout="constrained")
    for index, particle in enumerate(PARTICLES):
        crops = simulate(particle, arguments.events, arguments.seed + index)
        energy = crops[..., 0].astype(float) * ENERGY_SCALE
        draw_class(rows[2 * index : 2 * index + 2], particle, energy, real_crops(particle, "all"))
    figure.suptitle(
        f"Simulated crops (blue, {arguments.events} of each class) against "
        "100 real ones (red, CMS full simulation)"
    )
    figure.savefig(arguments.output, dpi=65)


if __name__ == "__main__":
    main()
