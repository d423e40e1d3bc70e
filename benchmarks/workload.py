"""Numbers of events and rounds: those of a full run, and a few to try the suite itself."""

import os
from dataclasses import dataclass, field

from benchmarks.comparison import REPEATS

CORES = len(os.sched_getaffinity(0))


@dataclass(frozen=True)
class TaskWorkload:
    """A training to be timed. Its store has ``events`` events, 72 % of them for training."""

    events: int
    batch_per_rank: int


@dataclass(frozen=True)
class Workload:
    """Numbers of events and of repeats. An input ``x8`` has eight times as many events."""

    repeats: int = REPEATS
    jets: int = 3_000
    jets_x8: int = 24_000
    crops: int = 30_000
    crops_x8: int = 240_000
    simulated_jets: int = 250  # a block, as `calobatch simulate` has them
    slow_jets: int = 16  # for loops over pixels in Python
    dense_jets: int = 2_000  # for the other loaders; 375 MB in each of their formats
    # Each training is started `rounds` times, and runs 1 + `epochs` epochs, since the first one
    # does not count.
    rounds: int = 2
    epochs: int = 3
    # The batches are those of the references, except for the ViT, whose step takes a second. It has
    # half of its batch, as each of the two ranks of the quickstart has, and two steps per epoch.
    tasks: dict[str, TaskWorkload] = field(
        default_factory=lambda: {
            "electron_photon_two_branch": TaskWorkload(15_000, 256),
            "electron_photon_cnn": TaskWorkload(10_000, 256),
            "quark_gluon_cnn": TaskWorkload(3_000, 32),
            "electron_photon_vit": TaskWorkload(356, 128),
        }
    )


SMALL = Workload(
    repeats=2, jets=100, jets_x8=800, crops=3_000, crops_x8=24_000, simulated_jets=20, slow_jets=4,
    dense_jets=300, rounds=1, epochs=2,
    tasks={
        "electron_photon_two_branch": TaskWorkload(3_000, 256),
        "electron_photon_cnn": TaskWorkload(3_000, 256),
        "quark_gluon_cnn": TaskWorkload(800, 32),
        "electron_photon_vit": TaskWorkload(90, 32),
    },
)  # fmt: skip
