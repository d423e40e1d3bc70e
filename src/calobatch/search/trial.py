"""trial: make the training of a trial, and write its outcome."""

from collections.abc import Callable
from pathlib import Path

from calobatch.config.training import Training
from calobatch.errors import SettingsError, UserError
from calobatch.run.files import HISTORY_FILE, RECORD_FILE
from calobatch.run.history import read_history
from calobatch.run.trials import Outcome, Proposal, trial_folder, trial_name
from calobatch.store import read_manifest

# A function that trains a task with these settings and this seed, into this folder.
Train = Callable[[str, Training, int, Path], None]


def trial(
    proposal: Proposal, place: int, store: Path, folder: Path, train: Train, output: Path | None
) -> None:
    """Train the trial at a ``place`` of a proposal, counted from 1, and write its outcome.

    Every rank calls this, and only rank 0 has an ``output``. ``folder`` is that of the search, in
    which each trial has a folder. With more epochs than before, the training there goes on.
    Settings with which it diverges, or which the model does not accept, are an outcome like any
    other. Raises what ``train`` raises otherwise.
    """
    if place > len(proposal.trials):
        raise UserError(
            f"the proposal has {len(proposal.trials)} trials, and no trial {place}; delete it, and "
            "run the same command again"
        )
    number, training = proposal.trials[place - 1].number, proposal.trials[place - 1].training
    run, failed = trial_folder(folder, number), ""
    # A folder with a record is a finished training, which this one is not any more.
    (run / RECORD_FILE).unlink(missing_ok=True)
    try:
        train(trial_name(proposal.task, number), training, proposal.seed, run)
    except SettingsError as error:
        failed = str(error)
    # The other ranks may be on nodes that do not see the files of rank 0 as yet.
    if output is None:
        return
    Outcome(
        task=proposal.task,
        number=number,
        training=training,
        seed=proposal.seed,
        dataset_sha256=read_manifest(store).events_sha256,
        history=() if failed else tuple(read_history(run / HISTORY_FILE)),
        failed=failed,
    ).write(output)
