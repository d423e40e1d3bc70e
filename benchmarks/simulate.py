"""Compare the simulation of jets with Pythia alone, which generates the same collisions."""

import statistics
import time
from collections.abc import Callable, Iterator
from functools import partial
from unittest import mock

from benchmarks.comparison import Goal, Row, spread, take_turns
from benchmarks.inputs import Inputs
from benchmarks.workload import Workload
from calobatch.simulate.jets import jets
from calobatch.simulate.jets.generator import DijetGenerator, Dijets, Flavour, minimum_bias_pythia
from calobatch.simulate.jets.pile_up import POOL

SEED = 7
# Jets per second of one core.
GOALS = {0: Goal(100), 20: Goal(60)}

Collisions = dict[Flavour, int]


def rows(workload: Workload, inputs: Inputs) -> Iterator[Row]:
    """Yield one row without pile-up and one with 20 overlays; the goals are those of one core."""
    half = workload.simulated_jets // 2
    for pile_up, goal in GOALS.items():
        used = collisions(half, pile_up)
        rates = take_turns(
            f"simulate, pile_up {pile_up}",
            {
                "calobatch": _rate(
                    partial(jets.simulate_jets, half, half, SEED, pile_up), 2 * half
                ),
                "Pythia": _rate(partial(bare_pythia, used, pile_up), 2 * half),
            },
            workload.repeats,
        )
        ours, theirs = rates["calobatch"], rates["Pythia"]
        yield Row(
            f"simulate jets, {pile_up} overlays, 1 core",
            f"Pythia alone on the same {sum(used.values())} collisions",
            "jets/s",
            statistics.median(ours),
            statistics.median(theirs),
            *spread(ours),
            goal,
            value_unit="jets/s",
        )


def _rate(work: Callable[[], object], events: int) -> Callable[[], float]:
    """Return a work that does ``work``, on ``events`` events, and returns events per CPU second.

    Both works have one thread, so this is what they reach on a core of their own.
    """

    def timed() -> float:
        begun = time.process_time()
        work()
        return events / (time.process_time() - begun)

    return timed


def collisions(half: int, pile_up: int) -> Collisions:
    """Return how many collisions of each class ``half`` jets of it need."""
    counted: Collisions = {"quark": 0, "gluon": 0}
    generate = DijetGenerator.collisions

    def counting(generator: DijetGenerator, count: int) -> Dijets:
        counted[generator.hook.flavour] += count
        return generate(generator, count)

    with mock.patch.object(DijetGenerator, "collisions", counting):
        jets.simulate_jets(half, half, SEED, pile_up)
    return counted


def bare_pythia(used: Collisions, pile_up: int) -> None:
    """Generate the same collisions and the pool of pile-up, and do nothing with them."""
    quark_seed, gluon_seed, pile_up_seed = jets.pythia_seeds(SEED, 3)
    if pile_up:
        pool = minimum_bias_pythia(pile_up_seed, jets.PUBLIC_JETS)
        for _ in range(POOL):
            pool.next()
    seeds: dict[Flavour, int] = {"quark": quark_seed, "gluon": gluon_seed}
    for flavour, seed in seeds.items():
        generator = DijetGenerator(flavour, seed, jets.PUBLIC_JETS)
        for _ in range(used[flavour]):
            generator.pythia.next()
