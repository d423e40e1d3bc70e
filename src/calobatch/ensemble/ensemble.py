"""Let several trainings predict together: the mean of their probabilities, at a fitted temperature.

The mean of the probabilities of trainings that differ in their initial weights, or in their models,
is usually better than each of them (Lakshminarayanan et al., Simple and scalable predictive
uncertainty estimation using deep ensembles, NeurIPS 2017, section 2.4, arXiv:1612.01474). It is
less sure than its members, so the temperature is fitted after the mean is taken, as Rahaman and
Thiery recommend (Uncertainty quantification and deep ensembles, NeurIPS 2021, section 4,
arXiv:2007.08792).
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from calobatch.checksum import sha256_of
from calobatch.ensemble.temperature import fit_temperature
from calobatch.errors import UserError
from calobatch.run.checked import checked_file
from calobatch.run.decision import log_loss
from calobatch.run.files import ENSEMBLE_FILE, METRICS_FILE, PREDICTIONS_FILE, RECORD_FILE
from calobatch.run.predictions import (
    predictions_of,
    read_table,
    scores_of,
    without_scores,
    write_with_scores,
)
from calobatch.run.predictor import EnsembleRecord
from calobatch.run.temperature import at_temperature
from calobatch.run.training import RunRecord
from calobatch.words import counted, with_error


def ensemble(name: str, members: Sequence[Path], folder: Path) -> EnsembleRecord:
    """Write the predictions of an ensemble and its record into ``folder``; return the record.

    ``members`` are the folders of finished trainings on one dataset. The temperature is fitted to
    the validation split, so the test split is as new to the ensemble as to its members. Raises
    UserError if a member has not finished or is damaged, or has predictions of other events.
    """
    records = [RunRecord.read(member / RECORD_FILE) for member in members]
    files = [
        checked_file(member, record, PREDICTIONS_FILE)
        for member, record in zip(members, records, strict=True)
    ]
    tables = [read_table(file) for file in files]
    _check(members, records, tables)
    scores = [scores_of(table).astype(np.float64) for table in tables]
    mean: NDArray[np.float64] = np.mean(scores, axis=0)
    validation = tables[0]["split"].to_numpy() == "validation"
    label, _, weight = predictions_of(tables[0])["validation"]
    temperature = fit_temperature(label, mean[validation], weight)
    final = at_temperature(mean, temperature.value).astype(np.float32)
    before, after = (
        log_loss(label, score[validation], weight) for score in (mean.astype(np.float32), final)
    )
    folder.mkdir(parents=True, exist_ok=True)
    # Without these, an ensemble counts as unfinished while its predictions are replaced, and until
    # they are evaluated.
    for name_of_file in (ENSEMBLE_FILE, METRICS_FILE):
        (folder / name_of_file).unlink(missing_ok=True)
    write_with_scores(tables[0], final, folder / PREDICTIONS_FILE)
    first = records[0]
    record = EnsembleRecord(
        name=name,
        dataset=first.dataset,
        layout=first.layout,
        simulated=first.simulated,
        dataset_sha256=first.dataset_sha256,
        members={
            record.name.folder: sha256_of(file) for record, file in zip(records, files, strict=True)
        },
        temperature=temperature.value,
        temperature_error=temperature.error,
        log_losses=(before, after),
        files={PREDICTIONS_FILE: sha256_of(folder / PREDICTIONS_FILE)},
    )
    record.write(folder / ENSEMBLE_FILE)
    print(
        f"ensemble {name}: mean of {counted(len(members), 'training')} at a temperature of "
        f"{with_error(*temperature)}; validation log-loss {before:.4f} before, {after:.4f} after",
        flush=True,
    )
    return record


def _check(
    members: Sequence[Path], records: Sequence[RunRecord], tables: Sequence[pa.Table]
) -> None:
    """Raise UserError unless all tables have probabilities of the same events."""
    for member, record, table in zip(members, records, tables, strict=True):
        same_data = record.dataset_sha256 == records[0].dataset_sha256
        if not same_data or not without_scores(table).equals(without_scores(tables[0])):
            raise UserError(
                f"{members[0]} and {member} have predictions of different events; name trainings "
                "on the same packed dataset and the same number of training events"
            )
        if not np.isfinite(scores_of(table)).all():
            raise UserError(
                f"{member} has scores that are not probabilities, because the training diverged; "
                "lower its learning_rate and train again"
            )
