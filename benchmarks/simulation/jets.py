"""Measure and draw simulated quark and gluon jets, for docs/simulation/quark_gluon.md.

python -m benchmarks.simulation.jets --output FIGURE.png
"""

import argparse
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm
from numpy.typing import NDArray
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import cross_val_predict

from benchmarks.simulation.mean import mean_with_error
from calobatch.simulate.jets.calorimeter import CRYSTAL
from calobatch.simulate.jets.jets import PUBLIC_JETS, Jets, simulate_jets

# An even number of jets per block, so that each block has as many quark as gluon jets.
BLOCK = 250
CHANNELS = ("tracks", "ECAL", "HCAL")
CLASSES = (("quark", 1.0), ("gluon", 0.0))
MIDDLE = (30, 95)  # pixels shown of the single jet


def simulate(jets: int, pile_up: int) -> Jets:
    """Return ``jets`` jets, half of each class, simulated in blocks by two processes."""
    blocks = jets // BLOCK
    half = [BLOCK // 2] * blocks
    with ProcessPoolExecutor(2) as pool:
        parts = list(pool.map(simulate_jets, half, half, range(blocks), [pile_up] * blocks))
    return Jets(*(np.concatenate(columns) for columns in zip(*parts, strict=True)))


def features(jets: Jets) -> NDArray[np.float64]:
    """Return eight features of each jet: (jets, 8).

    Within the cone of the jet: the number of pixels with a track, the number of ECAL hits, the
    jet's width and pTD (both from tracks), the tracks' share of pt, and the ECAL's share of the
    calorimeters' energy; then pt and m0.
    """
    offset = (np.arange(125) - 62) * CRYSTAL
    radius_HW = np.hypot(offset[:, None], offset)
    image_BCHW = jets.image_BCHW * (radius_HW < PUBLIC_JETS.radius)
    track_BHW = image_BCHW[:, 0].astype(np.float64)
    track_sum, ecal_sum, hcal_sum = image_BCHW.sum((2, 3)).T
    norm = np.maximum(track_sum, 1e-9)
    return np.stack(
        [
            np.count_nonzero(track_BHW, axis=(1, 2)),
            np.count_nonzero(image_BCHW[:, 1], axis=(1, 2)),
            (track_BHW * radius_HW).sum((1, 2)) / norm,
            np.sqrt((track_BHW**2).sum((1, 2))) / norm,
            track_sum / jets.pt,
            ecal_sum / (ecal_sum + hcal_sum),
            jets.pt,
            jets.m0,
        ],
        axis=1,
    )


def report(jets: Jets) -> None:
    """Print the numbers of quark_gluon.md."""
    feature_BF = features(jets)
    for name, label in CLASSES:
        own = jets.label == label
        fill = np.count_nonzero(jets.image_BCHW[own], axis=(2, 3)).mean(0)
        energy = jets.image_BCHW[own].sum((2, 3)).mean(0)
        print(
            f"{name}: {own.sum()} jets, pt {jets.pt[own].mean():.1f}, m0 {jets.m0[own].mean():.1f}"
        )
        print(f"  tracks within 0.5: {feature_BF[own, 0].mean():.1f}")
        for channel, pixels, total in zip(CHANNELS, fill, energy, strict=True):
            print(f"  {channel}: {pixels:.0f} non-zero pixels, {total:.1f} GeV")
    centre = jets.image_BCHW[:, 2, 62, 62]
    filled_BC = np.count_nonzero(jets.image_BCHW, axis=(2, 3))
    for channel, zeros in zip(CHANNELS, 100 * (1 - filled_BC / 125**2).T, strict=True):
        print(f"{channel}: {mean_with_error(zeros, 2)} % zeros")
    print(f"non-zero pixels: {mean_with_error(filled_BC.sum(1).astype(float), 0)}")
    print(f"m0: {mean_with_error(jets.m0, 1)} GeV")
    quantiles = " ".join(f"{pt:.0f}" for pt in np.percentile(jets.pt, (5, 25, 50, 75, 95)))
    print(f"pt {jets.pt.min():.1f} to {jets.pt.max():.1f} GeV; 5, 25, 50, 75, 95 %: {quantiles}")
    print(
        f"middle is the hottest tower: {np.mean(centre >= jets.image_BCHW[:, 2].max((1, 2))):.3f}"
    )
    print(f"AUC of the number of tracks: {roc_auc_score(jets.label, -feature_BF[:, 0]):.3f}")
    model = HistGradientBoostingClassifier(max_iter=100, learning_rate=0.05, random_state=0)
    score = cross_val_predict(model, feature_BF, jets.label, cv=5, method="predict_proba")[:, 1]
    print(f"AUC of boosted trees on 8 features, 5 folds: {roc_auc_score(jets.label, score):.3f}")


def draw(jets: Jets, output: Path) -> None:
    """Draw the mean image of each class and the middle of one gluon jet, one column per channel."""
    means = [jets.image_BCHW[jets.label == label].mean(0) for _, label in CLASSES]
    one = jets.image_BCHW[np.flatnonzero(jets.label == 0)[0]]
    figure, axes = plt.subplots(3, 3, figsize=(9, 8), layout="constrained")
    for channel, name in enumerate(CHANNELS):
        top = max(mean[channel].max() for mean in means)
        for row, mean in enumerate(means):
            title = f"mean {CLASSES[row][0]}, {name}"
            _show(axes[row, channel], title, mean[channel], LogNorm(top / 1e3, top))
        norm = LogNorm((0.1, 0.1, 0.02)[channel], one[channel].max())
        _show(axes[2, channel], f"one gluon jet, {name}", one[channel], norm)
        axes[2, channel].set(xlim=MIDDLE, ylim=MIDDLE)
    figure.savefig(output, dpi=100, pil_kwargs={"optimize": True})


def _show(axis: Axes, title: str, image_HW: NDArray[np.float32], norm: LogNorm) -> None:
    colours = mpl.colormaps["viridis"].resampled(12).with_extremes(under="white")
    drawn = axis.imshow(image_HW, origin="lower", norm=norm, cmap=colours, interpolation="nearest")
    axis.set_title(title, fontsize=9)
    axis.set(xlabel="phi (pixel)", ylabel="eta (pixel)")
    axis.figure.colorbar(drawn, ax=axis, shrink=0.9, label="GeV")


def main() -> None:
    """Simulate the jets, print their numbers and draw them."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.simulation.jets",
        description=__doc__.splitlines()[0] if __doc__ else None,
    )
    parser.add_argument("--output", type=Path, required=True, help="PNG file to write")
    parser.add_argument("--jets", type=int, default=2000, help="number, a multiple of 250")
    parser.add_argument("--pile-up", type=int, default=0, help="mean number of collisions overlaid")
    arguments = parser.parse_args()
    jets = simulate(arguments.jets, arguments.pile_up)
    report(jets)
    draw(jets, arguments.output)


if __name__ == "__main__":
    main()
