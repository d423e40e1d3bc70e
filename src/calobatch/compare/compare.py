"""Say how much two trainings differ in AUC on the same test events, and in what they differ."""

from collections.abc import Sequence
from pathlib import Path
from statistics import mean, stdev
from typing import NamedTuple

import numpy as np

from calobatch.compare.delong import delong, two_sided
from calobatch.compare.paired_bootstrap import SAMPLES, paired_differences
from calobatch.errors import UserError
from calobatch.run.auc import mean_auc
from calobatch.run.changes import changes
from calobatch.run.checked import checked_file
from calobatch.run.files import PREDICTIONS_FILE, RECORD_FILE
from calobatch.run.leaderboard import SIGNIFICANT
from calobatch.run.name import MEMBER
from calobatch.run.predictions import Predictions, read_predictions
from calobatch.run.predictor import EnsembleRecord, Predictor, is_ensemble, read_predictor
from calobatch.run.training import RunRecord
from calobatch.words import counted, p_value


class Side(NamedTuple):
    """The trainings of one side, or its ensemble once for each training of the other side.

    ``tests`` are the predictions of the test split.
    """

    place: Path
    records: tuple[Predictor, ...]
    tests: tuple[Predictions, ...]
    aucs: tuple[float, ...]


class Comparison(NamedTuple):
    """The difference of the mean test AUCs, second minus first.

    ``error`` is its standard error: that of the test events, by the paired bootstrap, and with
    several seeds also that of the trainings. ``low`` and ``high`` are the ends of the 95 % interval
    of the test events alone. ``delong`` has a p-value for each pair of trainings; it is empty with
    weights or more than two classes.
    """

    first: Side
    second: Side
    difference: float
    low: float
    high: float
    error: float
    delong: tuple[float, ...]

    @property
    def p(self) -> float:
        """The probability of a difference at least this large if there is none."""
        return two_sided(self.difference, self.error)


def compare(first: Path, second: Path) -> Comparison:
    """Compare two trainings, or all trainings of two tasks whose seeds and folds both have.

    ``first`` and ``second`` are the folders of runs, of tasks, or of ensembles, which are compared
    with every training of the other side. Raises UserError if one of them has no finished training,
    or if the trainings were not tested on the same events.
    """
    return compare_runs(first, second, *_pairs(first, second))


def compare_runs(
    first: Path, second: Path, of_first: Sequence[Path], of_second: Sequence[Path]
) -> Comparison:
    """Compare the runs in the folders ``of_first``, one by one, with those of ``of_second``.

    ``first`` and ``second`` are what the two sides are called. Raises UserError if the trainings
    were not tested on the same events.
    """
    a, b = _side(first, of_first), _side(second, of_second)
    _require_same_events(a, b)
    replicas = paired_differences(a.tests, b.tests)
    low, high = np.quantile(replicas, [0.025, 0.975])
    differences = [after - before for before, after in zip(a.aucs, b.aucs, strict=True)]
    of_seeds = stdev(differences) / len(differences) ** 0.5 if len(differences) > 1 else 0.0
    test = a.tests[0]
    tested = () if test.weight is not None or test.score.ndim > 1 else tuple(
        delong(test.label, of_a.score, of_b.score).p
        for of_a, of_b in zip(a.tests, b.tests, strict=True)
    )  # fmt: skip
    return Comparison(
        a, b, mean(differences), float(low), float(high),
        float(np.hypot(np.std(replicas, ddof=1), of_seeds)), tested,
    )  # fmt: skip


def _pairs(first: Path, second: Path) -> tuple[list[Path], list[Path]]:
    """Return the folders of the runs of both sides, those of the same seed at the same place."""
    a, b = _runs_in(first), _runs_in(second)
    if is_ensemble(first):
        a = dict.fromkeys(b, first)
    elif is_ensemble(second):
        b = dict.fromkeys(a, second)
    if len(a) == len(b) == 1:
        return list(a.values()), list(b.values())
    common = sorted(a.keys() & b.keys())
    if not common:
        raise UserError(
            f"{first} and {second} have no seed and fold in common; name two runs, such as "
            f"{first}/seed1 and {second}/seed2"
        )
    return [a[name] for name in common], [b[name] for name in common]


def _runs_in(place: Path) -> dict[str, Path]:
    """Return the folders with predictions: ``place`` itself, or the trainings in it."""
    if is_ensemble(place) or (place / RECORD_FILE).exists():
        return {place.name: place}
    found = {
        path.parent.name: path.parent
        for path in place.glob(f"*/{RECORD_FILE}")
        if MEMBER.fullmatch(path.parent.name)
    }
    if not found:
        raise UserError(
            f"{place} has no finished training; name the folder of a run or of a task, such as "
            "results/quickstart/electron_photon_cnn"
        )
    return found


def _side(place: Path, folders: Sequence[Path]) -> Side:
    records = [read_predictor(folder) for folder in folders]
    tests = [
        read_predictions(checked_file(folder, record, PREDICTIONS_FILE))["test"]
        for folder, record in zip(folders, records, strict=True)
    ]
    aucs = [mean_auc(test.label, test.score, test.weight) for test in tests]
    return Side(place, tuple(records), tuple(tests), tuple(aucs))


def _require_same_events(first: Side, second: Side) -> None:
    """Raise UserError unless all trainings were tested on the same events."""
    one = first.records[0]
    for side in (first, second):
        for record in side.records:
            if record.dataset_sha256 != one.dataset_sha256 or record.fold != one.fold:
                raise UserError(
                    f"{first.place} and {second.place} were not tested on the same events: "
                    f"{one.name} on {_events(one)} and {record.name} on {_events(record)}; compare "
                    "trainings on the same packed dataset and fold"
                )


def _events(record: Predictor) -> str:
    fold = f", fold {record.fold}" if record.fold else ""
    return f"{record.dataset} ({record.dataset_sha256[:12]}{fold})"


def described(found: Comparison) -> str:
    """Return a comparison in words."""
    a, b = found.first, found.second
    width = max(len(str(side.place)) for side in (a, b))
    lines = [
        f"{letter}  {side.place!s:{width}}  test AUC {_mean(side)}"
        for letter, side in (("A", a), ("B", b))
    ]
    lines.append(
        f"B - A = {found.difference:+.4f}, 95 % interval {found.low:+.4f} to {found.high:+.4f} "
        f"(paired bootstrap of the {len(a.tests[0].label):,} test events, {SAMPLES:,} replicas)"
    )
    if len(a.aucs) > 1:
        each = ", ".join(f"{y - x:+.4f}" for x, y in zip(a.aucs, b.aucs, strict=True))
        lines.append(f"for each pair of trainings: {each}")
    if found.delong:
        lines.append(f"DeLong's test: {', '.join(map(p_value, found.delong))}")
    lines.append(_verdict(found))
    differing = what_differs(a.records[0], b.records[0])
    lines.append(f"Differences, A → B: {'; '.join(differing) or 'none that is recorded'}.")
    return "\n".join(lines)


def _mean(side: Side) -> str:
    first, aucs = side.records[0], side.aucs
    if isinstance(first, EnsembleRecord):
        return f"{aucs[0]:.4f} (ensemble of {counted(len(first.members), 'training')})"
    if len(aucs) == 1:
        return f"{aucs[0]:.4f}"
    return f"{mean(aucs):.4f} ± {stdev(aucs):.4f} (mean of {len(aucs)} trainings)"


def _verdict(found: Comparison) -> str:
    number = len(found.first.aucs)
    sources = "test events and trainings" if number > 1 else "test events"
    better = f"{'B' if found.difference > 0 else 'A'} is better"
    verdict = better if found.p < SIGNIFICANT else "the difference is not significant"
    text = f"With the uncertainty of {sources}, {p_value(found.p)}: {verdict}."
    if number == 1:
        text += " Another seed could change either AUC; compare tasks with several seeds."
    return text


def what_differs(one: Predictor, other: Predictor) -> list[str]:
    """Return in words in which settings, code, device and versions two trainings differ.

    Of an ensemble, its members are all that is named.
    """
    if isinstance(one, EnsembleRecord) or isinstance(other, EnsembleRecord):
        return [
            f"{record.name} is the mean of {', '.join(record.members)}"
            for record in (one, other)
            if isinstance(record, EnsembleRecord)
        ]
    found = [
        f"{key} {before} → {after}"
        for key, (before, after) in changes(one.training, other.training).items()
    ]
    facts = [_facts(record) for record in (one, other)]
    return found + [
        f"{name} {facts[0].get(name)} → {facts[1].get(name)}"
        for name in facts[0] | facts[1]
        if facts[0].get(name) != facts[1].get(name)
    ]


def _facts(record: RunRecord) -> dict[str, str | None]:
    """Return what a result may depend on besides the settings: code, device and versions."""
    made = record.provenance
    return {
        "commit": made.git_commit[:12],
        "code of the training": record.code_sha256[:12],
        "device": record.device,
        "Python": made.python,
        **made.packages,
    }
