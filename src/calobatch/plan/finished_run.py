"""Read the speed of a training from the records in the folder of its run."""

from pathlib import Path

from calobatch.plan.measurements import TrainingSpeed
from calobatch.run.checked import checked_file
from calobatch.run.files import HISTORY_FILE, RECORD_FILE
from calobatch.run.history import read_history
from calobatch.run.training import RunRecord
from calobatch.train.order import epoch_steps


def speed_of_run(folder: Path) -> TrainingSpeed:
    """Return the speed of the run in ``folder``. Raises UserError if the run is incomplete."""
    record = RunRecord.read(folder / RECORD_FILE)
    # No file has the number of training events, so it is worked out from an epoch: all epochs have
    # the same number, and the first one always exists.
    epoch = read_history(checked_file(folder, record, HISTORY_FILE))[0]
    events = round(epoch.seconds * epoch.events_per_second)
    batch_size = record.training.global_batch(record.ranks)
    return TrainingSpeed(
        task=record.task,
        ranks=record.ranks,
        nodes=len(record.hosts),
        batch_size=batch_size,
        step_events=events / epoch_steps(events, batch_size, record.ranks),
        events=events,
        epochs=record.epochs_run,
        parameters=record.parameters,
        events_per_second=record.events_per_second,
        device=record.device,
        hosts=record.hosts,
    )


def speeds_of_runs(results: Path, task: str) -> tuple[TrainingSpeed, ...]:
    """Return the speeds of all finished runs of ``task``; ``results``: the folder of a scenario."""
    records = sorted((results / task).glob(f"*seed*/{RECORD_FILE}"))
    return tuple(speed_of_run(record.parent) for record in records)
