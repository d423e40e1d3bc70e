"""run.json: what a finished training was, in full."""

from pathlib import Path

from pydantic import BaseModel, ConfigDict

from calobatch.config.models import Training
from calobatch.errors import reading
from calobatch.provenance import Provenance
from calobatch.train.throughput import Throughput

RECORD_FILE = "run.json"


class RunRecord(BaseModel):
    """A finished training. Times are seconds since 1970 (UTC)."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    task: str
    dataset: str
    layout: str
    simulated: bool
    seed: int
    training: Training
    identity: str
    dataset_sha256: str
    source_sha256: dict[str, str]
    parameters: int
    ranks: int
    device: str
    hosts: tuple[str, ...]
    started: float
    finished: float
    epochs_run: int
    best_epoch: int
    resumed_after_epoch: int
    resumed_at_step: int  # of the epoch after that
    events_per_second: float
    throughput: Throughput
    provenance: Provenance


def read_record(folder: Path) -> RunRecord:
    """Read the record of the run in ``folder``; a UserError if it is not whole."""
    path = folder / RECORD_FILE
    with reading(path, "train again"):
        return RunRecord.model_validate_json(path.read_text(encoding="utf-8"))
