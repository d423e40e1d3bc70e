"""The checkpoint: what a killed training needs to continue as if it had not been killed.

It is stored beside the run's outputs but is not declared as one of them, because Snakemake deletes
outputs before it starts a job again. It contains only tensors and plain values, so that reading it
never runs code from the file.
"""

import io
import shutil
import sys
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from pydantic import ValidationError
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel

from calobatch.atomic import atomic_path
from calobatch.communicator.interface import Communicator
from calobatch.config.training import Training
from calobatch.errors import JobError
from calobatch.run.changes import changes
from calobatch.run.files import CHECKPOINT_FOLDER, FINISHED_CHECKPOINT, HISTORY_FILE
from calobatch.run.history import Epoch, best_epoch, write_history
from calobatch.train.course import Course
from calobatch.train.epoch_sums import EpochSums
from calobatch.written_file import written_file

STATE_FILE = "state.pt"
# The checkpoint before the last one, in case the last one is damaged.
PREVIOUS_FILE = "previous.pt"
FINISHED_FILE = Path(FINISHED_CHECKPOINT).name


@dataclass(kw_only=True)
class Checkpoint:
    """The state of a training between two steps.

    ``step`` is the number of steps made since the last epoch of the history, and ``seconds`` the
    time that they took. In the middle of an epoch, ``ranks`` has one :func:`rank_state` per rank;
    between epochs it is empty. The state of the learning-rate schedule is not stored: it is
    computed again from the history. ``epochs`` is the number of epochs that the training was to
    have (0 in files of older versions). ``averaged`` is empty unless the weights are averaged.
    ``settings`` are those of the training, to name a difference (empty in files of older versions).
    """

    identity: str
    started: float
    history: list[Epoch]
    model: dict[str, Tensor]
    best_model: dict[str, Tensor]
    optimizer: dict[str, Any]
    step: int = 0
    seconds: float = 0.0
    ranks: list[dict[str, Any]] = field(default_factory=list)
    epochs: int = 0
    averaged: dict[str, Tensor] = field(default_factory=dict)
    settings: dict[str, Any] = field(default_factory=dict)

    def course(self) -> Course:
        """Return the course of the training until this checkpoint."""
        return Course(
            started=self.started,
            best_model=self.best_model,
            history=self.history,
            resumed_after=len(self.history),
            resumed_at=self.step,
        )


class CheckpointKeeper:
    """Saves and restores one training. All ranks call its methods, and only rank 0 touches files.

    ``identity`` is a hash of all that the steps of the training depend on
    (:func:`calobatch.train.identity.course_identity`). A checkpoint with a different identity
    belongs to a different training and is ignored, unless it is ``older_identity``: that of
    checkpoints of version 0.2.0, in which the number of epochs counted too.
    """

    def __init__(
        self,
        run_folder: Path,
        identity: str,
        older_identity: str,
        settings: Training,
        communicator: Communicator,
        model: nn.Module,
        optimizer: torch.optim.Optimizer,
        average: AveragedModel | None = None,
    ) -> None:
        self.folder = run_folder / CHECKPOINT_FOLDER
        self.identity = identity
        self.older_identity = older_identity
        self.settings = settings
        self.communicator = communicator
        self.model = model
        self.optimizer = optimizer
        self.average = average

    def load(self) -> Checkpoint | None:
        """Restore model, optimizer and average from the checkpoint, and return the checkpoint.

        Returns None if there is none for this training. All ranks get what rank 0 read, so that all
        of them start at the same step. Raises a JobError on all ranks if rank 0 cannot read a file
        that may be good.
        """
        content: dict[str, Any] | None = None
        failure = ""
        if self.communicator.rank == 0:
            try:
                if checkpoint := self._read():
                    content = _content(checkpoint)
            except JobError as error:
                failure = str(error)
        content, failure = self.communicator.broadcast((content, failure))
        # Raised by all ranks, because they would report rank 0 as lost if it left without them.
        if failure:
            raise JobError(failure)
        if content is None:
            return None
        found = _checkpoint(content)
        self.model.load_state_dict(found.model)
        self.optimizer.load_state_dict(found.optimizer)
        if self.average:
            self.average.load_state_dict(found.averaged)
        return found

    def _read(self) -> Checkpoint | None:
        """Return the last good checkpoint that this training can continue from, or None."""
        identities = (self.identity, self.older_identity)
        for name in (STATE_FILE, PREVIOUS_FILE, FINISHED_FILE):
            found = read_checkpoint(self.folder / name, *identities, settings=self.settings)
            if found is None:
                continue
            # The same training is asked for again: it is repeated, not copied.
            if name == FINISHED_FILE and found.epochs >= self.settings.epochs:
                continue
            if len(found.history) + bool(found.step) > self.settings.epochs:
                reason = f"has more epochs than the {self.settings.epochs} of this training"
            elif _has_other_best_epoch(found):
                reason = "was left by an older version, which chose the best epoch differently"
            else:
                return found
            _say(f"the checkpoint {self.folder / name} {reason}, so it is not used")
        return None

    def save(
        self,
        course: Course,
        *,
        step: int = 0,
        seconds: float = 0.0,
        ranks: Sequence[dict[str, Any]] = (),
    ) -> None:
        """Write a checkpoint of the current model and optimizer, and keep the one before it.

        In the middle of an epoch, ``ranks`` has what :func:`rank_state` returned on each rank.
        """
        if self.communicator.rank != 0:
            return
        checkpoint = Checkpoint(
            identity=self.identity,
            started=course.started,
            history=course.history,
            model=self.model.state_dict(),
            best_model=course.best_model,
            optimizer=self.optimizer.state_dict(),
            step=step,
            seconds=seconds,
            ranks=list(ranks),
            epochs=self.settings.epochs,
            averaged=self.average.state_dict() if self.average else {},
            settings=self.settings.model_dump(mode="json"),
        )
        last = self.folder / STATE_FILE
        if last.exists():
            last.replace(self.folder / PREVIOUS_FILE)
        write_checkpoint(checkpoint, last)
        # Not read by calobatch: it lets people follow a training.
        write_history(course.history, self.folder / HISTORY_FILE)

    def wait(self) -> None:
        """Wait until rank 0 has written the checkpoint, which it does before this broadcast."""
        self.communicator.broadcast(None)

    def finish(self) -> None:
        """Keep only what a training with more epochs can continue from, and delete the rest."""
        if self.communicator.rank != 0:
            return
        if self.identity == self.older_identity:  # every number of epochs has a course of its own
            shutil.rmtree(self.folder, ignore_errors=True)
            return
        last = self.folder / STATE_FILE
        if last.exists():
            last.replace(self.folder / FINISHED_FILE)
        for name in (PREVIOUS_FILE, HISTORY_FILE):
            (self.folder / name).unlink(missing_ok=True)


def rank_state(model: nn.Module, sums: EpochSums, device: torch.device) -> dict[str, Any]:
    """Return what differs between ranks in the middle of an epoch.

    That is the sums over the steps so far, the buffers of the model (such as the means of batch
    normalisation, which each rank computes from its own events), and the random generators.
    """
    state: dict[str, Any] = {
        # Under the name that it had when it was the sum of losses alone.
        "loss_sum": sums.state(),
        "buffers": {name: buffer.cpu() for name, buffer in model.named_buffers()},
        "generator": torch.get_rng_state(),
    }
    if device.type == "cuda":
        state["cuda_generator"] = torch.cuda.get_rng_state(device)
    return state


def restore_rank(
    state: dict[str, Any], model: nn.Module, sums: EpochSums, device: torch.device
) -> None:
    """Put back what :func:`rank_state` returned."""
    sums.restore(state["loss_sum"])
    for name, buffer in model.named_buffers():
        buffer.copy_(state["buffers"][name])
    torch.set_rng_state(state["generator"])
    if device.type == "cuda":
        torch.cuda.set_rng_state(state["cuda_generator"], device)


def write_checkpoint(checkpoint: Checkpoint, path: Path) -> None:
    """Write ``checkpoint``, either the whole file or nothing."""
    with atomic_path(path) as partial, written_file(partial) as file:
        torch.save(_content(checkpoint), file)


def read_checkpoint(
    path: Path, *identities: str, settings: Training | None = None
) -> Checkpoint | None:
    """Return the checkpoint in the file ``path``, with its tensors on the CPU.

    Returns None if there is no file, and also, with one line in the log, if the file is damaged or
    has none of the ``identities``; the line names the keys that differ from ``settings``. A damaged
    file is renamed. Raises a JobError if the file exists and cannot be read: it may be good, and a
    training that started from scratch would overwrite it.
    """
    damaged = path.with_name(f"{path.name}.damaged")
    try:
        raw = path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise JobError(
            f"the checkpoint {path} cannot be read ({error.strerror}) and may be good; fix the "
            "cause and run the same command again, or delete the file to train from scratch"
        ) from None
    # Anything may be raised while a damaged file is decoded.
    try:
        content = _decode(raw)
        if content["identity"] not in identities:
            _say(
                f"the checkpoint {path} was left with different "
                f"{_differences(content, settings)}, so it is not used"
            )
            return None
        return _checkpoint(content)
    except MemoryError:
        raise JobError(
            f"there is too little memory to read the checkpoint {path}, which may be good; request "
            "more memory and run the same command again, or delete the file to train from scratch"
        ) from None
    except Exception as error:
        reason = " ".join(str(error).split())[:100] or type(error).__name__
    try:
        path.replace(damaged)
    except OSError as error:
        raise JobError(
            f"the checkpoint {path} is damaged ({reason}) and cannot be renamed "
            f"({error.strerror}); fix the cause or delete the file, and run the same command again"
        ) from None
    _say(
        f"the checkpoint {path} is damaged ({reason}) and was renamed to {damaged.name}; the "
        "training continues from the checkpoint before it, or from scratch if there is none"
    )
    return None


def _differences(content: dict[str, Any], settings: Training | None) -> str:
    """Return what a checkpoint may have been left with that is different now."""
    try:
        before = Training.model_validate(content["settings"])
    except (KeyError, ValidationError):
        settings = None
    if settings is None:
        return "settings, data, code or package versions"
    differing = changes(before, settings)
    if not differing:
        return "data, code or package versions"
    keys = ", ".join(f"{key} {before} → {now}" for key, (before, now) in differing.items())
    return f"settings ({keys})"


def _has_other_best_epoch(checkpoint: Checkpoint) -> bool:
    """Return whether the best model is not that of the best epoch.

    Up to version 0.2.0, the first of several epochs with the highest AUC was the best.
    """
    if checkpoint.epochs or not checkpoint.history:
        return False
    first = max(checkpoint.history, key=lambda epoch: (epoch.validation_auc, -epoch.epoch))
    return best_epoch(checkpoint.history).epoch != first.epoch


def _content(checkpoint: Checkpoint) -> dict[str, Any]:
    """Return ``checkpoint`` as plain values and tensors, for the file and for the other ranks."""
    content = {name: getattr(checkpoint, name) for name in Checkpoint.__dataclass_fields__}
    return content | {"history": [epoch.model_dump() for epoch in checkpoint.history]}


def _checkpoint(content: dict[str, Any]) -> Checkpoint:
    """Return the checkpoint of which :func:`_content` made ``content``."""
    history = [Epoch.model_validate(epoch) for epoch in content["history"]]
    return Checkpoint(**content | {"history": history})


def _decode(raw: bytes) -> dict[str, Any]:
    """Return the content of a checkpoint's file; raise any kind of error if it is damaged."""
    # torch does not compare the checksums that it writes, so changed bytes would go unnoticed.
    with zipfile.ZipFile(io.BytesIO(raw)) as archive:
        if changed := archive.testzip():
            raise ValueError(f"the checksum of {changed} does not agree")
    content: dict[str, Any] = torch.load(io.BytesIO(raw), map_location="cpu", weights_only=True)
    return content


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)
