"""What scores events: a finished training, or several in ensemble.json that predict together.

Nothing here needs a package that only images have, so login nodes can ask what a folder has.
"""

from pathlib import Path
from typing import Annotated, ClassVar, NamedTuple

from pydantic import BeforeValidator

from calobatch.checksum import sha256_of
from calobatch.config.layout_file import by_name
from calobatch.errors import UserError
from calobatch.layouts import Layout
from calobatch.record import Record
from calobatch.run.checked import finished_run
from calobatch.run.files import (
    ENSEMBLE_FILE,
    PREDICTIONS_FILE,
    RECORD_FILE,
    WEIGHTS_FILE,
    missing_files,
)
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
    results, trainings = folder.absolute().parent, []
    for name, predictions in ensemble.members.items():
        member = results / name
        if missing := missing_files(member, (RECORD_FILE, WEIGHTS_FILE, PREDICTIONS_FILE)):
            raise UserError(
                f"{folder} is an ensemble of {name}, but {member} has no {', '.join(missing)}; "
                "keep the ensemble in one folder with its trainings"
            )
        trainings.append(finished_run(member))
        if sha256_of(member / PREDICTIONS_FILE) != predictions:
            raise UserError(
                f"{member} was trained again after the ensemble {folder} was made of it; "
                f"{ensemble.fix}"
            )
    return Models(ensemble.name, tuple(trainings), ensemble.temperature)
