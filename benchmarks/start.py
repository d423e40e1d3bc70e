"""Measure the startup of two commands: a dry run of the full scenario, and `calobatch check`."""

import statistics
import subprocess
from collections.abc import Callable, Iterator, Sequence
from functools import partial

from benchmarks.comparison import Goal, Row, seconds, spread, take_turns
from benchmarks.inputs import Inputs
from benchmarks.paths import CALOBATCH, PYTHON, SNAKEMAKE
from benchmarks.workload import Workload
from calobatch.checkout import CHECKOUT


def rows(workload: Workload, inputs: Inputs) -> Iterator[Row]:
    """Yield one row for Snakemake and one for a verb of calobatch."""
    empty = inputs.folder / "empty"
    empty.mkdir(exist_ok=True)
    (empty / "Snakefile").write_text("rule all:\n")
    dry_run = [SNAKEMAKE, "-n", "--quiet", "all"]
    took = take_turns(
        "start",
        {
            "snakemake -n": _started(*dry_run, "--config", "scenario=cms"),
            "an empty Snakefile": _started(
                *dry_run, "--directory", empty, "-s", empty / "Snakefile"
            ),
            "calobatch check": _started(CALOBATCH, "check"),
            "python": _started(PYTHON, "-c", "pass"),
        },
        workload.repeats,
    )
    bare = [sum(both) for both in zip(took["an empty Snakefile"], took["python"], strict=True)]
    what, against = "snakemake -n, scenario cms", "python -c pass and an empty Snakefile"
    yield _longer(what, against, took["snakemake -n"], bare, Goal(1.5, at_most=True))
    what, against = "calobatch check", "python -c pass"
    yield _in_all(what, against, took["calobatch check"], took["python"], Goal(1.0, at_most=True))


def _started(*command: object) -> Callable[[], float]:
    words = list(map(str, command))
    return seconds(partial(subprocess.run, words, cwd=CHECKOUT, check=True, capture_output=True))


def _longer(
    what: str, against: str, ours: Sequence[float], bare: Sequence[float], goal: Goal
) -> Row:
    """Return a row: the seconds that ``ours`` needs in addition to ``bare``."""
    more = [mine - least for mine, least in zip(ours, bare, strict=True)]
    medians = statistics.median(ours), statistics.median(bare)
    return Row(what, against, "s", *medians, *spread(more), goal, value_unit="s more")


def _in_all(
    what: str, against: str, ours: Sequence[float], bare: Sequence[float], goal: Goal
) -> Row:
    """Return a row: the seconds that ``ours`` needs in total."""
    medians = statistics.median(ours), statistics.median(bare)
    return Row(what, against, "s", *medians, *spread(ours), goal, value_unit="s")
