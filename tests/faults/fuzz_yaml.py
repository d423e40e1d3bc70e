"""Mutate every kind of text that a user writes, and hold what is read against two rules.

A text is either refused with one UserError, or what was read from it is the same after it has
travelled as JSON to a job. `python -m tests.faults.fuzz_yaml 1000000` tries a million texts, and
prints how often each kind was read and refused, and every text that broke a rule.
"""

import argparse
import random
import re
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from calobatch.checkout import CHECKOUT
from calobatch.config.load import load_scenario
from calobatch.config.scenario import Scenario
from calobatch.config.training import Training
from calobatch.errors import UserError
from calobatch.public.table import read_table
from calobatch.slurm import profile
from calobatch.slurm.site import read_site

TASKS = """
cnn: {title: A CNN, dataset: electron_photon, model: cnn, epochs: 9, batch_size: 64,
      learning_rate: 1.0e-3, model_options: {width: 8, depth: [2, 3.5, null, "a b"]}}
vit: {title: "$p_{T}$", dataset: electron_photon, model: vision_transformer, epochs: 8,
      batch_size: 64, learning_rate: 1.0e-4, schedule: {kind: plateau, factor: 0.5, patience: 3}}
"""
SCENARIO = """
title: A small one
datasets:
  electron_photon: {source: simulate, events: 100, split: {validation: 0.1, test: 0.2, seed: 4}}
  jets: {source: fetch, layout: quark_gluon, location: "https://example.org/a", files: [a.parquet]}
all_tasks: &d {batch_size: 32}
tasks: {cnn: , vit: {epochs: 2, reference_auc: {train: 0.8}, augmentation: {shift: 1}}}
seeds: [1, 2]
"""
OVERRIDES = "tasks.cnn.epochs=5 seeds=[1,2] tasks.vit.schedule.kind=cosine title='x'"
FREE = "tasks.cnn.model_options.width=8 tasks.cnn.model_options={a:1} tasks.vit.reference_source=x"
TOKENS = (
    "!!timestamp x", "2024-13-45", "2024-01-02", "!!int x", "!!int ''", '!!float "_"', "!!bool 1",
    "!!set {a}", "!!omap [a: 1]", "!!binary aGk=", "!!null 1", "!!str ", "!!map ", "!!seq ", "!x ",
    "&a ", "*a", "*d", "<<: *d", "<<: [*d, *d]", ".nan", "-.inf", "1e999", "0x", "08", "1:99",
    "1_0", "9" * 30, "9" * 5000, "[" * 3000, "{" * 3000, "- " * 200, "[", "]", "{", "}", "? ", ": ",
    "- ", ", ", "|\n", ">-\n", "#", "%YAML 1.1\n", "---\n", "...\n", "\t", "\r", "\n", "\0", "\x85",
    "\u2028", "\ufeff", "\U0001f600", '"\\ud800"', '"\\0"', '"', "'", "\\", "~", "yes", "null", "=",
    "<<", "../..", "cnn", "title", "{T}", "{{x}}", "$(id)", "%s", "=", ".", "..", " ",
)  # fmt: skip
VALUES = (
    "0", "1", "-1", "3", "1.5", "1e-3", "100000", "true", "null", "~", '""', '"a b"', "x", "[]",
    "{}", "[1, 2]", "[a, [b, {c: d}]]", "{a: 1}", '"$p_{T}$"', '"{task}"', "'{{x}}'", '"\u00e9"',
    "*d", "60 * attempt", "9 ** 9", "1 / 0", "electron_photon", "quark_gluon", "cnn", "jet_cnn",
)  # fmt: skip
# What follows a colon or an equals sign, up to the end of the value.
VALUE = re.compile(r"[:=] *(?P<value>[^,{}\[\]\n]+)")


class Kind(NamedTuple):
    """A kind of text: valid examples of it, and what reads it."""

    examples: tuple[str, ...]
    read: Callable[[Path, str], None]


def _scenario(folder: Path, text: str) -> None:
    (folder / "small.yaml").write_text(text, encoding="utf-8", newline="")
    _check(load_scenario("small", folder=folder))


def _tasks(folder: Path, text: str) -> None:
    (folder / "tasks.yaml").write_text(text, encoding="utf-8", newline="")
    try:
        _check(load_scenario("small", folder=folder))
    finally:
        (folder / "tasks.yaml").write_text(TASKS, encoding="utf-8")


def _overrides(folder: Path, text: str) -> None:
    (folder / "small.yaml").write_text(SCENARIO, encoding="utf-8")
    _check(load_scenario("small", text, folder=folder))


def _check(scenario: Scenario) -> None:
    """Raise AssertionError unless the scenario arrives at a job as it was read."""
    assert Scenario.model_validate_json(scenario.model_dump_json()) == scenario
    for task in scenario.tasks.values():
        settings = task.training()
        assert Training.model_validate_json(settings.model_dump_json()) == settings


def _site(folder: Path, text: str) -> None:
    (folder / "site.yaml").write_text(text, encoding="utf-8", newline="")
    read_site(folder / "site.yaml")


def _profile(folder: Path, text: str) -> None:
    path = folder / "config.yaml"
    path.write_text(text, encoding="utf-8", newline="")
    profile.minutes_of("train", path)
    profile.latency_wait(path)


def _table(folder: Path, text: str) -> None:
    (folder / "datasets.csv").write_text(text, encoding="utf-8", newline="")
    read_table(folder / "datasets.csv")


def _without_comments(name: str) -> str:
    """Return a file of the project without comments, which would catch most of the changes."""
    lines = (CHECKOUT / name).read_text(encoding="utf-8").splitlines(keepends=True)
    return "".join(line for line in lines if not line.lstrip().startswith("#"))


KINDS = {
    "scenario": Kind((SCENARIO,), _scenario),
    "tasks.yaml": Kind((TASKS,), _tasks),
    "set=": Kind((OVERRIDES, *OVERRIDES.split(), *FREE.split()), _overrides),
    "site file": Kind((_without_comments("cluster/slurm/site.example.yaml"),), _site),
    "profile": Kind((_without_comments("cluster/slurm/config.yaml"),), _profile),
    "datasets.csv": Kind((_without_comments("config/datasets.csv"),), _table),
}


def mutated(text: str, rng: random.Random) -> str:
    """Return ``text`` after one to three random changes, half of them to a value of a key."""
    for _ in range(rng.choice((1, 1, 1, 2, 3))):
        start = rng.randrange(len(text) + 1)
        stop = min(start + rng.choice((0, 0, 1, 2, 20)), len(text))
        match rng.randrange(6):
            case 0:
                new = rng.choice(TOKENS)
            case 1:  # a changed character
                new = chr(rng.choice((rng.randrange(128), rng.randrange(0xD800))))
            case 2:  # another part of the same text
                other = rng.randrange(len(text) + 1)
                new = text[other : other + rng.choice((1, 5, 40))]
            case _:
                values = list(VALUE.finditer(text))
                new = rng.choice(TOKENS if rng.random() < 0.5 else VALUES)
                if values:
                    start, stop = rng.choice(values).span("value")
        text = text[:start] + new + text[stop:]
    return text


class Failure(NamedTuple):
    """A text that broke a rule."""

    kind: str
    text: str
    error: BaseException


def fuzz(executions: int, seed: int, counts: Counter[tuple[str, str]]) -> Iterator[Failure]:
    """Try ``executions`` mutated texts. Yield each that breaks a rule, and count in ``counts``."""
    rng = random.Random(seed)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "tasks.yaml").write_text(TASKS, encoding="utf-8")
        for _ in range(executions):
            kind = rng.choice(tuple(KINDS))
            text = mutated(rng.choice(KINDS[kind].examples), rng)
            if kind == "tasks.yaml":
                (folder / "small.yaml").write_text(SCENARIO, encoding="utf-8")
            start = time.process_time()
            try:
                KINDS[kind].read(folder, text)
                outcome = "read"
            except UserError as error:
                outcome = "refused" if str(error).strip() else "refused without a message"
            except Exception as error:
                outcome = "broke a rule"
                yield Failure(kind, text, error)
            counts[kind, outcome] += 1
            if time.process_time() - start > 5:
                counts[kind, "took over 5 s"] += 1


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("executions", type=int)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    counts: Counter[tuple[str, str]] = Counter()
    for failure in fuzz(options.executions, options.seed, counts):
        print(f"{failure.kind}: {failure.error!r}\n{failure.text[:2000]!r}", flush=True)
    for (kind, outcome), count in sorted(counts.items()):
        print(f"{kind:14} {outcome:24} {count:9}")
    sys.exit(any("read" != outcome != "refused" for _, outcome in counts))


if __name__ == "__main__":
    main()
