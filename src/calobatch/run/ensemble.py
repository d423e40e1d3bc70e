"""The evaluated ensembles of a scenario, each with its trainings."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from calobatch.checksum import sha256_of
from calobatch.config.scenario import Scenario
from calobatch.errors import UserError
from calobatch.run.checked import checked_file
from calobatch.run.files import (
    ENSEMBLE_FILE,
    METRICS_FILE,
    PREDICTIONS_FILE,
    missing_files,
)
from calobatch.run.folder import RunFolder
from calobatch.run.metrics import Metrics
from calobatch.run.name import members_of
from calobatch.run.predictor import EnsembleRecord


@dataclass(frozen=True)
class EnsembleFolder:
    """An evaluated ensemble, and the trainings that are its members."""

    folder: Path
    record: EnsembleRecord
    metrics: Metrics
    runs: tuple[RunFolder, ...]

    @property
    def fingerprint(self) -> str:
        """A SHA-256 that changes with the members, and with the ensemble and its metrics."""
        parts = [(self.folder / name).read_bytes() for name in (ENSEMBLE_FILE, METRICS_FILE)]
        parts += [run.fingerprint.encode() for run in self.runs]
        return hashlib.sha256(b"".join(parts)).hexdigest()

    @property
    def parameters(self) -> int:
        """The number of parameters of all members together."""
        return sum(run.record.parameters for run in self.runs)

    @property
    def events_per_second(self) -> float:
        """The speed of training all members one after another."""
        return 1 / sum(1 / run.record.events_per_second for run in self.runs)


def complete_ensembles(
    scenario: Scenario, runs: Sequence[RunFolder], results: Path
) -> list[EnsembleFolder]:
    """Return the evaluated ensembles in ``results`` that were made of the present ``runs``.

    One is left out if a member has not finished, or was trained again since. Raises UserError if a
    file is damaged.
    """
    found = {run.record.name: run for run in runs}
    complete = []
    for name in scenario.ensembles:
        folder, members = results / name, members_of(scenario, name)
        if missing_files(folder, (ENSEMBLE_FILE, METRICS_FILE, PREDICTIONS_FILE)):
            continue
        record = EnsembleRecord.read(folder / ENSEMBLE_FILE)
        of_members = tuple(found[member] for member in members if member in found)
        now = {
            run.record.name.folder: sha256_of(run.folder / PREDICTIONS_FILE) for run in of_members
        }
        if now == record.members:
            checked_file(folder, record, PREDICTIONS_FILE)
            metrics = Metrics.read(folder / METRICS_FILE)
            complete.append(EnsembleFolder(folder, record, metrics, of_members))
    return complete


def all_ensembles(
    scenario: Scenario, runs: Sequence[RunFolder], results: Path
) -> list[EnsembleFolder]:
    """Return all ensembles of a scenario; raise UserError if one was not made of these ``runs``."""
    ensembles = complete_ensembles(scenario, runs, results)
    if missing := scenario.ensembles.keys() - {ensemble.record.name for ensemble in ensembles}:
        raise UserError(
            f"{results} has no ensemble {min(missing)} of the present trainings; run the scenario "
            "again"
        )
    return ensembles
