"""ensemble.json: several trainings that predict together, and the temperature of their scores."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, ClassVar, NamedTuple

from pydantic import BeforeValidator

from calobatch.checksum import sha256_of
from calobatch.config.layout_file import by_name
from calobatch.config.scenario import Scenario
from calobatch.errors import UserError
from calobatch.layouts import Layout
from calobatch.record import Record
from calobatch.run.checked import checked_file, finished_run
from calobatch.run.files import (
    ENSEMBLE_FILE,
    METRICS_FILE,
    PREDICTIONS_FILE,
    RECORD_FILE,
    missing_files,
)
from calobatch.run.folder import RunFolder
from calobatch.run.metrics import Metrics
from calobatch.run.name import members_of
from calobatch.run.training import RunRecord


class EnsembleRecord(Record):
    """The mean of the probabilities of several trainings, brought to a temperature.

    ``members`` has the SHA-256 of the predictions of each training, by the training's folder in
    the results. ``temperature`` divides the logarithm of the odds of the mean, and
    ``temperature_error`` is its standard error from the validation events; None if the fit
    ended at its bound, because the scores say nothing or separate the classes completely. The
    ``log_losses`` (nats) are those of the validation split before and after this.
    """

    fix: ClassVar[str] = "run `calobatch ensemble` again"

    name: str
    dataset: str
    layout: Annotated[Layout, BeforeValidator(by_name)]
    simulated: bool
    dataset_sha256: str
    members: dict[str, str]
    temperature: float
    temperature_error: float | None
    log_losses: tuple[float, float]
    # The SHA-256 of the ensemble's own predictions, by the name of the file.
    files: dict[str, str]
    fold: ClassVar[None] = None


# What predictions can come from.
Predictor = RunRecord | EnsembleRecord


def is_ensemble(folder: Path) -> bool:
    """Return whether ``folder`` has the predictions of an ensemble."""
    return (folder / ENSEMBLE_FILE).is_file()


def read_predictor(folder: Path) -> Predictor:
    """Read the record of the ensemble or of the finished training in ``folder``.

    Raises UserError if the record is missing or damaged.
    """
    if is_ensemble(folder):
        return EnsembleRecord.read(folder / ENSEMBLE_FILE)
    return RunRecord.read(folder / RECORD_FILE)


class Models(NamedTuple):
    """Finished trainings that score events together: each with its record and its weights.

    ``name`` is that of the training or of the ensemble. ``temperature`` is None for one training.
    """

    name: str
    trainings: tuple[tuple[RunRecord, Path], ...]
    temperature: float | None


def models_in(folder: Path) -> Models:
    """Return the training in ``folder``, or the members of the ensemble in it.

    Raises UserError if one has not finished, is damaged, or was trained again after the ensemble
    was made.
    """
    if not is_ensemble(folder):
        record, weights = finished_run(folder)
        return Models(str(record.name), ((record, weights),), None)
    ensemble = EnsembleRecord.read(folder / ENSEMBLE_FILE)
    trainings = []
    for name, predictions in ensemble.members.items():
        member = folder.parent / name
        trainings.append(finished_run(member))
        if sha256_of(member / PREDICTIONS_FILE) != predictions:
            raise UserError(
                f"{member} was trained again after the ensemble {folder} was made of it; "
                f"{ensemble.fix}"
            )
    return Models(ensemble.name, tuple(trainings), ensemble.temperature)


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
