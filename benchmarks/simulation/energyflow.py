"""Compare simulated quark and gluon jets with the published EnergyFlow benchmark.

    python -m benchmarks.simulation.energyflow --jets 40000

It simulates the jets of config/energyflow.yaml, without images, and prints the numbers of
docs/simulation/quark_gluon.md; with --published FILE.npz also those of the published jets. The
simulated ones are kept in .cache/bench/energyflow in blocks, so that a command that was stopped
continues where it was. Delete the folder after a change of the simulation.
"""

import argparse
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from benchmarks.paths import CACHE
from benchmarks.simulation.mean import mean_with_error
from calobatch.atomic import atomic_path
from calobatch.config.dataset import Simulated
from calobatch.config.generator import Generator
from calobatch.config.load import load_scenario
from calobatch.progress import Progress
from calobatch.run.auc import auc
from calobatch.run.bootstrap import auc_interval
from calobatch.simulate.jets.clustering import leading_jets
from calobatch.simulate.jets.detector import exact_response
from calobatch.simulate.jets.generator import DijetGenerator, Dijets, Flavour
from calobatch.simulate.jets.jets import selected

BLOCK = 500  # jets of one class
BATCH = 64  # collisions
LEADING = 10
CLASSES: tuple[Flavour, Flavour] = ("quark", "gluon")
ONE_SIGMA = 0.683

Floats = NDArray[np.float64]


class Block(NamedTuple):
    """Jets of one class (B: jets): what the benchmark is about."""

    multiplicity_B: Floats
    # Transverse momenta of the ten leading constituents, as shares of their sum over the jet.
    share_BL: Floats


Blocks = dict[Flavour, Block]


def benchmark_generator() -> Generator:
    """Return the generator of the scenario."""
    dataset = load_scenario("energyflow").datasets["energyflow"]
    assert isinstance(dataset, Simulated)
    return dataset.generator


def measured(dijets: Dijets, settings: Generator) -> Block:
    """Return the selected jets of a batch of collisions."""
    particles, events = dijets.particles, len(dijets.parton_eta_EP)
    exact = exact_response(particles)
    jets = leading_jets(particles, exact, events, settings)
    kept = selected(jets, dijets, settings)
    event, pt = particles.event[jets.constituents], particles.pt[jets.constituents]
    order = np.lexsort((-pt, event))
    event, pt = event[order], pt[order]
    multiplicity = np.bincount(event, minlength=events)
    # The place of each constituent in its jet, from the hardest one.
    place = np.arange(event.size) - (np.cumsum(multiplicity) - multiplicity)[event]
    first = place < LEADING
    share_BL = np.zeros((events, LEADING))
    share_BL[event[first], place[first]] = pt[first]
    total = np.bincount(event, pt, events)
    return Block(multiplicity[kept].astype(float), share_BL[kept] / total[kept, None])


def simulate(folder: Path, flavour: Flavour, seed: int) -> Path:
    """Simulate one block, unless its file is there; return the file."""
    path = folder / f"{flavour}-{seed}.npz"
    if path.exists():
        return path
    settings = benchmark_generator()
    generator = DijetGenerator(flavour, seed, settings)
    parts, found = [], 0
    while found < BLOCK:
        parts.append(measured(generator.collisions(BATCH), settings))
        found += len(parts[-1].multiplicity_B)
    block = Block(*(np.concatenate(columns)[:BLOCK] for columns in zip(*parts, strict=True)))
    with atomic_path(path) as partial_path, partial_path.open("wb") as file:
        np.savez(file, allow_pickle=False, **block._asdict())
    return path


def collected(paths: Sequence[Path]) -> Block:
    """Return the jets of several blocks as one."""
    parts = []
    for path in paths:
        with np.load(path) as file:
            parts.append(Block(**file))
    return Block(*(np.concatenate(columns) for columns in zip(*parts, strict=True)))


def read_published(path: Path) -> Blocks:
    """Return the jets of a file of Zenodo 3164691, such as QG_jets.npz.

    It has ``X`` (jets, particles, 4), whose first number is the transverse momentum and which is
    filled up with zeros, and ``y``, 1 for quarks.
    """
    with np.load(path) as file:
        pt_BP, label = -np.sort(-file["X"][..., 0], axis=1), file["y"]
    share_BL = pt_BP[:, :LEADING] / pt_BP.sum(axis=1, keepdims=True)
    multiplicity_B = np.count_nonzero(pt_BP, axis=1).astype(float)
    return {
        flavour: Block(multiplicity_B[own], share_BL[own])
        for flavour, own in zip(CLASSES, (label == 1, label == 0), strict=True)
    }


def report(blocks: Blocks) -> None:
    """Print a table in Markdown."""
    print(f"| | {' | '.join(blocks)} |\n|---|{'---|' * len(blocks)}")
    rows = {"mean number of particles": [b.multiplicity_B for b in blocks.values()]}
    for rank in range(LEADING):
        name = f"share of pt, particle {rank + 1} (%)"
        rows[name] = [100 * b.share_BL[:, rank] for b in blocks.values()]
    for name, columns in rows.items():
        print(f"| {name} | {' | '.join(mean_with_error(values, 2) for values in columns)} |")
    quark, gluon = (blocks[flavour].multiplicity_B for flavour in CLASSES)
    label = np.repeat([1, 0], [quark.size, gluon.size]).astype(np.uint8)
    fewer = -np.concatenate([quark, gluon])
    low, high = auc_interval(label, fewer, confidence=ONE_SIGMA)
    print(f"\nAUC of the number of particles: {auc(label, fewer):.4f}, {low:.4f} to {high:.4f}")
    print(f"jets: {quark.size:,} quarks, {gluon.size:,} gluons\n")


def main() -> None:
    """Simulate the blocks that are missing, and print the table."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.simulation.energyflow",
        description=__doc__.splitlines()[0] if __doc__ else None,
    )
    parser.add_argument("--jets", type=int, default=10_000, help="number, a multiple of 1000")
    parser.add_argument("--workers", type=int, default=2, help="number of processes")
    parser.add_argument(
        "--published", type=Path, help="file of Zenodo 3164691 to print the same table of"
    )
    arguments = parser.parse_args()
    if arguments.published and not arguments.published.is_file():
        parser.error(f"--published: {arguments.published} does not exist; give a file of Zenodo")
    folder = CACHE / "energyflow"
    folder.mkdir(parents=True, exist_ok=True)
    seeds = range(1, arguments.jets // (2 * BLOCK) + 1)
    if arguments.published:
        print("Published jets")
        report(read_published(arguments.published))
    blocks: Blocks = {}
    with (
        ProcessPoolExecutor(arguments.workers) as pool,
        Progress("simulate", len(CLASSES) * len(seeds), "blocks") as bar,
    ):
        for flavour in CLASSES:
            paths = []
            for path in pool.map(partial(simulate, folder, flavour), seeds):
                paths.append(path)
                bar.advance(1)
            blocks[flavour] = collected(paths)
    print("Simulated jets")
    report(blocks)


if __name__ == "__main__":
    main()
