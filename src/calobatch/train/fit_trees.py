"""One training of boosted trees, to be read from top to bottom, as :mod:`calobatch.train.train`.

One rank does it. scikit-learn grows the trees from the features of all training events at once, and
an epoch adds an equal part of them. What is validated, kept and written is a torch model like any
other, which computes the features from the image.

Tensor names end in their shape: B events, F features, K classes.
"""

import shutil
import time
from pathlib import Path
from typing import TYPE_CHECKING, cast

import numpy as np
import sklearn
import torch
from numpy.typing import NDArray
from sklearn.ensemble import HistGradientBoostingClassifier
from threadpoolctl import threadpool_limits

from calobatch.communicator.device import choose_device
from calobatch.communicator.interface import connect
from calobatch.communicator.placement import placement
from calobatch.config.keys_of_trees import refuse_keys_of_networks
from calobatch.config.training import Training
from calobatch.models.build import build_model
from calobatch.models.inputs import ModelInputs
from calobatch.models.trial import check_number_of_trees, try_model
from calobatch.progress import Progress
from calobatch.run.decision import as_scores, log_loss
from calobatch.run.files import CHECKPOINT_FOLDER, HISTORY_FILE
from calobatch.run.history import write_history
from calobatch.run.mark import mark_of_epoch
from calobatch.run.name import RunName
from calobatch.store import open_store
from calobatch.train.account import Account
from calobatch.train.batches import BatchMaker
from calobatch.train.checks import check_events, check_ranks
from calobatch.train.course import Course, copy_of_weights
from calobatch.train.epoch_record import epoch_record
from calobatch.train.epoch_sums import EpochMeans
from calobatch.train.finish import finish, took_over
from calobatch.train.heartbeat import Heartbeat, Phase
from calobatch.train.identity import training_identity
from calobatch.train.messages import epoch_line, mark_line, opening, say, stopped_between
from calobatch.train.order import first_events
from calobatch.train.origin import Origin
from calobatch.train.score import validation_of
from calobatch.train.stop import StopRequest
from calobatch.train.watched_communicator import WatchedCommunicator

if TYPE_CHECKING:
    from calobatch.models.boosted_trees import Model

# Events that walk through the trees together. Each takes a few kB per hundred trees.
EVENTS_AT_ONCE = 1024


def fit_trees(
    task: str,
    settings: Training,
    seed: int,
    store_folder: Path,
    output: Path,
    heartbeat: Heartbeat | None = None,
    *,
    fold: int | None = None,
) -> None:
    """Fit the trees of ``settings.model`` to a packed store and write the run to ``output``.

    The arguments, the files of the run and the errors are those of
    :func:`calobatch.train.train.train`. There is no checkpoint: after a signal to stop, the same
    call starts again and gives the same run, to the last bit.
    """
    # ---- Its device, its events ----
    started = time.time()
    refuse_keys_of_networks(settings, task)
    place = placement()
    check_ranks(task, settings.ranks, place.size)
    device = choose_device(place, settings.device, settings.threads)
    store = open_store(store_folder, fold)
    training_events = first_events(store.events_of("train"), settings.training_events)
    check_events(task, settings, store, training_events)
    validation_events = store.events_of("validation")
    name, classes = RunName(task, seed, fold), len(store.layout.classes)

    # ---- The model, without trees as yet, and what grows them ----
    built = build_model(settings.model, store.layout, settings.model_options)
    model = cast("Model", built.to(device))
    try_model(model, settings.model, store.layout)
    check_number_of_trees(model, settings.epochs, task)
    maker = BatchMaker(store, ModelInputs.of_model(model, store.layout), device)
    fitted = HistGradientBoostingClassifier(
        learning_rate=settings.learning_rate,
        random_state=seed,
        warm_start=True,
        early_stopping=False,
        **model.growth,
    )
    library = f"scikit-learn {sklearn.__version__}"
    identity = training_identity(settings, seed, store, device, fitted_by=library)
    origin = Origin.now(name, settings, identity, "", model, device)
    heartbeat = heartbeat or Heartbeat()
    communicator = WatchedCommunicator(connect(settings.communicator, place, device), heartbeat)

    # ---- What an earlier attempt has left: a finished run, or the history until it stopped ----
    shutil.rmtree(output / CHECKPOINT_FOLDER, ignore_errors=True)
    if took_over(output, identity, communicator):
        communicator.close()
        return
    say(communicator, opening(name, settings, store, len(training_events), model, device))

    # ---- Features ----
    heartbeat.at(Phase.PREPARING)
    account, course = Account(device), Course(started, copy_of_weights(model))
    account.stopwatch.start()
    feature_BF = _features(model, maker, training_events, settings.batch_size, heartbeat)
    validation_BF = _features(model, maker, validation_events, settings.batch_size, heartbeat)
    account.stopwatch.lap("data")
    label = store.label[training_events]
    weight = None if store.weight is None else store.weight[training_events]

    progress = Progress(
        f"train {name}", total=settings.epochs * len(training_events), unit="events",
        quiet=communicator.rank != 0,
    )  # fmt: skip
    with progress, StopRequest(communicator) as stop, threadpool_limits(settings.threads):
        for number in range(1, settings.epochs + 1):
            if course.should_stop(settings.early_stopping):
                break
            # ---- Trees ----
            heartbeat.at(Phase.TRAINING, number, 1)
            clock = time.monotonic()
            account.stopwatch.start()
            # The trees of the epochs before stay, and the random numbers go on where they were, so
            # the trees are the same for any number of epochs.
            fitted.set_params(max_iter=model.number * number // settings.epochs)
            fitted.fit(feature_BF, label, sample_weight=weight)
            model.take(fitted)
            account.stopwatch.lap("compute")
            seconds = time.monotonic() - clock
            phases = account.epoch_ended(len(training_events))
            progress.advance(len(training_events))

            # ---- Validation ----
            heartbeat.at(Phase.VALIDATING, number)
            # Not with the model, which always walks through all its trees, also those to come.
            training_scores = as_scores(fitted.predict_proba(feature_BF))
            loss = log_loss(label, training_scores, weight)
            scores = _scores(model, validation_BF, heartbeat)
            validation = validation_of(scores, store, validation_events)
            epoch = epoch_record(
                number, EpochMeans(loss), validation, learning_rate=settings.learning_rate,
                events=len(training_events), seconds=seconds, phases=phases,
                weights=model.parameters(), communicator=communicator,
            )  # fmt: skip
            course.add(epoch, model)
            # For people who follow the training, and for MLflow.
            write_history(course.history, output / CHECKPOINT_FOLDER / HISTORY_FILE)
            say(communicator, epoch_line(name, epoch, settings.epochs))
            if mark := mark_of_epoch(epoch, classes, constant=validation.constant):
                say(communicator, mark_line(name, mark, "lower fewest_events in model_options"))
            if number < settings.epochs and stop.agreed():
                raise stopped_between(name, number, stop)

    # ---- The finished run ----
    model.load_state_dict(course.best_model)
    finish(output, origin, model, maker, course, training_events, account, communicator, heartbeat)
    shutil.rmtree(output / CHECKPOINT_FOLDER)
    communicator.close()


def _features(
    model: "Model",
    maker: BatchMaker,
    events: NDArray[np.int64],
    batch_size: int,
    heartbeat: Heartbeat,
) -> NDArray[np.float32]:
    """Return the features (B, F) of ``events``, computed in batches to limit memory."""
    parts = []
    with torch.no_grad():
        for start in range(0, len(events), batch_size):
            batch = maker.batch(events[start : start + batch_size])
            parts.append(model.features(*batch.inputs).cpu().numpy())
            heartbeat.move()
    return np.concatenate(parts)


def _scores(
    model: "Model", feature_BF: NDArray[np.float32], heartbeat: Heartbeat
) -> NDArray[np.float32]:
    """Return the scores of events, as in ``run/decision.py``, given their features."""
    scores = []
    with torch.no_grad():
        for start in range(0, len(feature_BF), EVENTS_AT_ONCE):
            part_BF = torch.from_numpy(feature_BF[start : start + EVENTS_AT_ONCE])
            logits_BK = model.logits_of(part_BF.to(model.prior_K.device))
            scores.append(as_scores(torch.softmax(logits_BK, dim=1).cpu().numpy()))
            heartbeat.move()
    return np.concatenate(scores)
