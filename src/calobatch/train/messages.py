"""The lines that a training prints, and the messages with which it ends early."""

import sys

import torch

from calobatch.communicator.device import device_name
from calobatch.communicator.interface import Communicator
from calobatch.config.training import Training
from calobatch.errors import SettingsError, StoppedError
from calobatch.models.build import parameter_count
from calobatch.run.history import Epoch
from calobatch.run.mark import MEANINGS, Mark
from calobatch.run.name import RunName
from calobatch.store import Store
from calobatch.train.checkpoint import Checkpoint
from calobatch.train.stop import StopRequest
from calobatch.words import counted


def say(communicator: Communicator, line: str) -> None:
    """Print ``line`` on standard error, if this is rank 0."""
    if communicator.rank == 0:
        print(line, file=sys.stderr, flush=True)


def opening(
    name: RunName,
    settings: Training,
    store: Store,
    training_events: int,
    model: torch.nn.Module,
    device: torch.device,
    checkpoint: Checkpoint | None = None,
) -> str:
    """Return the first line: the model, the epochs and events, the ranks and their device.

    With a ``checkpoint``, it also says from where the training continues.
    """
    resumed = ""
    if checkpoint:
        resumed = f", continued after epoch {len(checkpoint.history)}, step {checkpoint.step}"
    data = "simulated events" if store.manifest.simulated else "events"
    return (
        f"train {name}: {settings.model}, {parameter_count(model):,} parameters, "
        f"{counted(settings.epochs, 'epoch')} of {training_events:,} {data}, "
        f"{counted(settings.ranks, 'rank')} ({settings.communicator}) on "
        f"{device_name(device)}{resumed}"
    )


def epoch_line(name: RunName, epoch: Epoch, epochs: int) -> str:
    """Return the line of a finished epoch."""
    skipped = f" skipped {counted(epoch.skipped_steps, 'step')}" if epoch.skipped_steps else ""
    return (
        f"train {name}: epoch {epoch.epoch}/{epochs} "
        f"loss {epoch.train_loss:.4f} validation loss {epoch.validation_loss:.4f} "
        f"AUC {epoch.validation_auc:.4f} rate {epoch.learning_rate:.2e} "
        f"{epoch.events_per_second:,.0f} events/s{skipped}"
    )


def mark_line(
    name: RunName,
    mark: Mark,
    advice: str = "lower learning_rate, set warmup_epochs, or use a different seed",
) -> str:
    """Return the line about an epoch after which the model has learned nothing."""
    return f"train {name}: {MEANINGS[mark]}; {advice}"


def diverged(name: RunName, epoch: int, overflowed: bool) -> SettingsError:
    """Return the error of a training whose loss is not finite.

    ``overflowed`` says whether a gradient was too large for half precision.
    """
    # Not a JobError, because the same command with the same settings would end here again.
    if overflowed:
        return SettingsError(
            f"{name}: gradients were too large for half precision (above 65504) in "
            f"epoch {epoch}, which compress_gradients sends; set compress_gradients to false, or "
            "lower learning_rate"
        )
    return SettingsError(
        f"{name}: the loss is not finite in epoch {epoch}; lower learning_rate or set warmup_epochs"
    )


def stopped(name: RunName, epoch: int, step: int, stop: StopRequest) -> StoppedError:
    """Return the end of a training that a signal stopped after ``step`` steps of ``epoch``."""
    return StoppedError(
        f"{name}: stopped by {stop.received or 'another rank'}; left a checkpoint "
        f"after step {step} of epoch {epoch}; run the same command again to continue"
    )


def stopped_between(name: RunName, epochs: int, stop: StopRequest) -> StoppedError:
    """Return the end of a training without checkpoints that a signal stopped after ``epochs``."""
    return StoppedError(
        f"{name}: stopped by {stop.received or 'another rank'} after epoch {epochs}; trees have no "
        "checkpoint, so the same command starts again and gives the same result"
    )
