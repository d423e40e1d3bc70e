"""Train a classifier on simulated crops and score it on simulated and on real ones.

    python -m benchmarks.simulation.crops_transfer [--half fit] [--events 12000]

This measures what the simulation is for: does what a classifier learns from it hold for real crops?
Boosted trees separate electrons from photons by the shapes of a crop and the energies of 9 x 21
crystals. The AUC on real crops should be that on simulated ones, and for each class the outputs
should have the same distribution (Kolmogorov-Smirnov test).
"""

import argparse

import numpy as np
from numpy.typing import NDArray
from scipy.stats import ks_2samp
from sklearn.ensemble import HistGradientBoostingClassifier

from benchmarks.simulation.crop_shapes import SHAPES, Images
from benchmarks.simulation.crop_statistics import simulate
from benchmarks.simulation.real_crops import PARTICLES, real_crops
from calobatch.compare.delong import delong
from calobatch.simulate.crops.crops import ENERGY_SCALE

# Rows and columns of the crystals whose energies the classifier sees.
ROWS, COLUMNS = slice(12, 21), slice(6, 27)
Features = NDArray[np.float32]


def features(energy: Images) -> Features:
    """Return the shapes and the energies of 9 x 21 crystals of images in GeV: (N, features)."""
    shapes = [shape(energy) for shape in SHAPES.values()]
    pixels = energy[:, ROWS, COLUMNS].reshape(len(energy), -1)
    return np.column_stack([*shapes, pixels]).astype(np.float32)


def simulated_features(events: int, seed: int) -> list[Features]:
    """Return the features of simulated photons and electrons, ``events`` of each."""
    crops = (simulate(particle, events, seed)[..., 0] for particle in PARTICLES)
    return [features(energy.astype(float) * ENERGY_SCALE) for energy in crops]


def auc_with_error(scores: list[NDArray[np.float64]]) -> tuple[float, float]:
    """Return the AUC of the scores of photons and electrons, and DeLong's uncertainty."""
    label = np.repeat([0, 1], [len(score) for score in scores]).astype(np.uint8)
    score = np.concatenate(scores)
    # A constant score has an AUC of exactly 1/2.
    above_half = delong(label, np.zeros(len(score)), score)
    return 0.5 + above_half.difference, above_half.error


def main() -> None:
    """Simulate, train, score, and print the AUCs and the tests."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.simulation.crops_transfer",
        description=__doc__.splitlines()[0] if __doc__ else None,
    )
    parser.add_argument("--half", choices=["fit", "kept back", "all"], default="fit")
    parser.add_argument("--events", type=int, default=12_000, help="training crops per class")
    parser.add_argument("--seed", type=int, default=1, help="seed of the simulation")
    arguments = parser.parse_args()
    training = simulated_features(arguments.events, arguments.seed)
    trees = HistGradientBoostingClassifier(
        learning_rate=0.05, max_iter=400, early_stopping=True, random_state=arguments.seed
    )
    trees.fit(np.concatenate(training), np.repeat([0, 1], arguments.events))

    def scores(of_class: list[Features]) -> list[NDArray[np.float64]]:
        return [trees.predict_proba(x)[:, 1] for x in of_class]

    simulated = scores(simulated_features(4000, arguments.seed + 1000))
    real = scores([features(real_crops(particle, arguments.half)) for particle in PARTICLES])
    for name, of_class in (("simulated", simulated), ("real", real)):
        auc, error = auc_with_error(of_class)
        print(f"AUC on {name} crops: {auc:.3f} ± {error:.3f}")
    for particle, ours, theirs in zip(PARTICLES, simulated, real, strict=True):
        p = ks_2samp(ours, theirs).pvalue
        print(
            f"{particle}: mean output {ours.mean():.3f} simulated, {theirs.mean():.3f} real; "
            f"KS p = {p:.2g}"
        )


if __name__ == "__main__":
    main()
