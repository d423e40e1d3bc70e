"""The end of a training: score all events with the best model, and write the finished run."""

import time
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from torch import nn

from calobatch.communicator.interface import Communicator
from calobatch.models.build import save_weights
from calobatch.progress import Progress
from calobatch.run.decision import is_constant
from calobatch.run.files import WEIGHTS_FILE
from calobatch.run.folder import write_run
from calobatch.run.history import best_epoch
from calobatch.run.kept import forget_kept_run, kept_folder, kept_run, publish_kept_run
from calobatch.run.mark import mark_of_epoch
from calobatch.train.account import Account
from calobatch.train.batches import BatchMaker
from calobatch.train.course import Course
from calobatch.train.heartbeat import Heartbeat, Phase
from calobatch.train.messages import say
from calobatch.train.order import rank_share
from calobatch.train.origin import Origin
from calobatch.train.score import score_events


def finish(
    output: Path,
    origin: Origin,
    model: nn.Module,
    maker: BatchMaker,
    course: Course,
    training_events: NDArray[np.int64],
    account: Account,
    communicator: Communicator,
    heartbeat: Heartbeat,
) -> None:
    """Write the finished run to the folder ``output``; every rank calls this.

    ``model`` has the weights after the best epoch of the ``course``. Of the training split, only
    the ``training_events`` are scored.
    """
    heartbeat.at(Phase.FINISHING)
    store = maker.store
    validation, test = store.events_of("validation"), store.events_of("test")
    events = np.sort(np.concatenate([training_events, validation, test]))
    progress = Progress(
        f"train {origin.name}, scores",
        total=len(rank_share(events, communicator.rank, communicator.size)),
        unit="events" if communicator.size == 1 else "events per rank",
        quiet=communicator.rank != 0,
    )
    with progress:
        scores = score_events(model, maker, events, communicator, heartbeat, progress.advance)
    mark = mark_of_epoch(
        best_epoch(course.history),
        len(store.layout.classes),
        constant=is_constant(scores[np.isin(events, validation)]),
    )
    throughput = account.throughput(communicator)
    record = origin.record(store, course, throughput, mark, communicator)
    if communicator.rank == 0:
        kept = kept_folder(output)
        save_weights(course.best_model, kept / WEIGHTS_FILE)
        write_run(kept, store, course.history, events, scores, record)
        publish_kept_run(output)


def took_over(output: Path, identity: str, communicator: Communicator) -> bool:
    """Publish the run that an earlier attempt has finished, if there is one; return whether.

    Every rank calls this and gets the same answer.
    """
    found = communicator.rank == 0 and _publish_kept_run(output, identity, communicator)
    return communicator.broadcast(found)


def _publish_kept_run(output: Path, identity: str, communicator: Communicator) -> bool:
    record = kept_run(output, identity)
    if record is None:
        forget_kept_run(output)
        return False
    publish_kept_run(output)
    finished = time.strftime("%Y-%m-%d %H:%M", time.localtime(record.finished))
    say(
        communicator,
        f"train {record.name}: an earlier attempt finished this training on "
        f"{finished}; taking over its files",
    )
    return True
