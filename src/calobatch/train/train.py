"""One training, to be read from top to bottom. Every rank runs it, and only rank 0 writes files.

All ranks must make the same calls of the communicator in the same order: if one rank left out a
call, the others would wait for it. Conditions around such calls therefore depend only on values
that are the same on all ranks.

Tensor names end in their shape: B events of the batch, C channels, H rows, W columns, K classes.
"""

import itertools
import time
from functools import partial
from pathlib import Path

import numpy as np
import torch

from calobatch.communicator.device import autocast, choose_device
from calobatch.communicator.interface import connect
from calobatch.communicator.placement import placement
from calobatch.config.training import Training
from calobatch.models.build import build_model
from calobatch.models.inputs import ModelInputs
from calobatch.models.trial import try_model
from calobatch.progress import Progress
from calobatch.run.mark import mark_of_epoch
from calobatch.run.name import RunName
from calobatch.store import open_store
from calobatch.train.account import Account
from calobatch.train.allocator import keep_freed_memory
from calobatch.train.augment import draw_moves
from calobatch.train.averaged_weights import averaged
from calobatch.train.batches import BatchMaker, one_ahead
from calobatch.train.checkpoint import CheckpointKeeper, rank_state, restore_rank
from calobatch.train.checks import check_events, check_ranks
from calobatch.train.course import Course, copy_of_weights
from calobatch.train.epoch_record import epoch_record
from calobatch.train.epoch_sums import EpochSums
from calobatch.train.finish import finish, took_over
from calobatch.train.gradients import Gradients
from calobatch.train.heartbeat import Heartbeat, Phase
from calobatch.train.identity import course_identity, training_identity
from calobatch.train.learning_rate import LearningRate
from calobatch.train.messages import diverged, epoch_line, mark_line, opening, say, stopped
from calobatch.train.optimizer import make_optimizer, skip_if_not_finite
from calobatch.train.order import epoch_batches, first_events
from calobatch.train.origin import Origin
from calobatch.train.score import validate
from calobatch.train.start import begin, start_line
from calobatch.train.stop import StopRequest
from calobatch.train.watched_communicator import WatchedCommunicator


def train(
    task: str,
    settings: Training,
    seed: int,
    store_folder: Path,
    output: Path,
    heartbeat: Heartbeat | None = None,
    *,
    fold: int | None = None,
) -> None:
    """Train ``settings.model`` on a packed store and write the finished run to ``output``.

    Every rank calls this. ``fold`` is that of a store with folds, counted from 1. ``output`` gets
    the files of a run (:mod:`calobatch.run.folder`). Until the training ends, it also has a folder
    ``checkpoint``, from which the same call continues. ``heartbeat`` gets this rank's place in the
    training (:mod:`calobatch.train.watchdog` reads it). Raises UserError if the user can fix the
    cause, for example of a training that diverges, and StoppedError after a signal to stop
    (:mod:`calobatch.train.stop`).
    """
    # ---- This rank: its place among the others, its device, its events ----
    started = time.time()
    place = placement()
    check_ranks(task, settings.ranks, place.size)
    keep_freed_memory()
    device = choose_device(place, settings.device, settings.threads)
    store = open_store(store_folder, fold)
    training_events = first_events(store.events_of("train"), settings.training_events)
    check_events(task, settings, store, training_events)
    validation_events = store.events_of("validation")
    name, classes = RunName(task, seed, fold), len(store.layout.classes)

    # ---- Model and optimizer ----
    # The initial weights are drawn from torch's generator.
    torch.manual_seed(seed)
    memory_format = torch.channels_last if settings.channels_last else torch.contiguous_format
    model = build_model(settings.model, store.layout, settings.model_options).to(device)
    try_model(model, settings.model, store.layout)
    start = begin(model, settings, store)
    optimizer = make_optimizer(settings, model.parameters())
    inputs = ModelInputs.of_model(model, store.layout)
    maker = BatchMaker(store, inputs, device, settings.augmentation, memory_format)
    schedule = LearningRate(settings, place.size)
    batch_size = settings.global_batch(place.size)
    order = partial(
        epoch_batches, training_events, batch_size, seed=seed, rank=place.rank, ranks=place.size
    )
    identity = training_identity(settings, seed, store, device, start.sha256)
    origin = Origin.now(name, settings, identity, start.sha256, model, device)

    # ---- All ranks start from rank 0's weights ----
    # All ranks drew them from the same seed, but different machines may round differently.
    heartbeat = heartbeat or Heartbeat()
    communicator = WatchedCommunicator(connect(settings.communicator, place, device), heartbeat)
    heartbeat.at(Phase.PREPARING)
    communicator.broadcast_tensors(model.state_dict().values())
    # After the broadcast, because Horovod can only send contiguous tensors.
    model.to(memory_format=memory_format)  # type: ignore[call-overload]
    gradients = Gradients(model)
    average = averaged(model, settings.average_weights)
    # What is validated and kept.
    evaluated = average.module if average else model

    # ---- What an earlier attempt has left: a finished run, or a checkpoint ----
    begins = course_identity(settings, seed, store, device, start.sha256)
    keeper = CheckpointKeeper(
        output, begins, identity, settings, communicator, model, optimizer, average
    )
    if took_over(output, identity, communicator):
        keeper.finish()
        communicator.close()
        return
    checkpoint = keeper.load()
    course = checkpoint.course() if checkpoint else Course(started, copy_of_weights(model))
    # The schedule's state is not in the checkpoint. Going through the past epochs restores it.
    for epoch in course.history:
        schedule.epoch_ended(epoch.validation_auc)
    first_line = opening(name, settings, store, len(training_events), model, device, checkpoint)
    say(communicator, first_line)
    if settings.start_from and not checkpoint:
        say(communicator, start_line(name, settings.start_from, start))

    progress = Progress(
        f"train {name}",
        total=settings.epochs * len(training_events),
        unit="events",
        done=course.resumed_after * len(training_events) + course.resumed_at * batch_size,
        quiet=communicator.rank != 0,
    )
    account = Account(device)
    stopwatch = account.stopwatch
    with progress, StopRequest(communicator) as stop:
        # ---- Epochs ----
        for number in range(course.resumed_after + 1, settings.epochs + 1):
            if course.should_stop(settings.early_stopping):
                break
            torch.manual_seed(_epoch_seed(seed, number, communicator.rank))
            start.rest()
            shares = order(epoch=number)
            moves = draw_moves(len(store), settings.augmentation, seed=seed, epoch=number)
            sums = EpochSums(device, skip=settings.skip_bad_steps)
            clock, first_step = time.monotonic(), 0
            # After a restart, the first epoch may continue from its middle.
            if checkpoint and checkpoint.step and number == course.resumed_after + 1:
                first_step, clock = checkpoint.step, clock - checkpoint.seconds
                restore_rank(checkpoint.ranks[communicator.rank], model, sums, device)
            # `parts` has, for each step, the events of each of its forward and backward passes. A
            # thread makes their batches in advance.
            parts = [
                share.parts(settings.passes_per_step, maker.hit_number)
                for share in shares[first_step:]
            ]
            make = partial(maker.batch, moves=moves)
            batches = one_ahead(make, itertools.chain.from_iterable(parts))

            # ---- Steps ----
            stopwatch.start()
            for step, share in enumerate(shares[first_step:], first_step):
                heartbeat.at(Phase.TRAINING, number, step + 1)
                # The rate at the end of the step: at its beginning, a warm-up may start from a rate
                # of 0, and the first step would change nothing.
                rate = schedule.set(optimizer, number - 1 + (step + 1) / len(shares))
                gradients.clear()
                step_loss = torch.zeros((), dtype=torch.float64, device=device)
                for batch in itertools.islice(batches, len(parts[step - first_step])):
                    stopwatch.lap("data")
                    with autocast(settings.precision, device):
                        logits_BK = model(*batch.inputs)
                    loss = batch.loss(logits_BK, settings.label_smoothing)
                    # The sum of losses is divided by the number of events over all ranks. Summed
                    # over passes and ranks, the gradients are then those of the mean loss of the
                    # batch, for any number of passes and ranks.
                    (loss / share.batch_events).backward()  # type: ignore[no-untyped-call]
                    step_loss += loss.detach()
                    stopwatch.lap("compute")
                gradients.add_up(communicator, compress=settings.compress_gradients)
                stopwatch.lap("communication")
                norm = gradients.limit(settings.clip_gradients)
                sums.add(step_loss, norm, len(share.events))
                if settings.skip_bad_steps:
                    skip_if_not_finite(optimizer, norm)
                optimizer.step()
                if average:
                    average.update_parameters(model)
                stopwatch.lap("compute")
                progress.advance(share.batch_events)
                stopping = stop.agreed()
                stopwatch.lap("communication")
                # At the last step of an epoch, the epoch is completed first: a checkpoint between
                # epochs is smaller, because it needs nothing from the other ranks.
                if stopping and step + 1 < len(shares):
                    ranks = communicator.allgather(rank_state(model, sums, device))
                    seconds = time.monotonic() - clock
                    keeper.save(course, step=step + 1, seconds=seconds, ranks=ranks)
                    keeper.wait()
                    raise stopped(name, number, step + 1, stop)
            seconds = time.monotonic() - clock
            phases = account.epoch_ended(sum(len(share.events) for share in shares[first_step:]))

            # ---- Validation ----
            heartbeat.at(Phase.VALIDATING, number)
            # The running means of batch normalisation differ between ranks. All ranks take over
            # those of rank 0, for the validation and for the next epoch.
            communicator.broadcast_tensors(model.buffers())
            if average:
                communicator.broadcast_tensors(evaluated.buffers())
            means = sums.means(communicator, len(shares), len(training_events))
            validation = validate(evaluated, maker, validation_events, communicator, heartbeat)
            if not (np.isfinite(means.loss) and validation.finite):
                raise diverged(name, number, gradients.overflowed(communicator))
            epoch = epoch_record(
                number, means, validation, learning_rate=rate, events=len(training_events),
                seconds=seconds, phases=phases, weights=evaluated.parameters(),
                communicator=communicator,
            )  # fmt: skip
            course.add(epoch, evaluated)
            schedule.epoch_ended(epoch.validation_auc)
            keeper.save(course)
            say(communicator, epoch_line(name, epoch, settings.epochs))
            if mark := mark_of_epoch(epoch, classes, constant=validation.constant):
                say(communicator, mark_line(name, mark))
            if stopping and number < settings.epochs:
                keeper.wait()
                raise stopped(name, number, len(shares), stop)

    # ---- The finished run ----
    model.load_state_dict(course.best_model)
    finish(output, origin, model, maker, course, training_events, account, communicator, heartbeat)
    keeper.finish()
    communicator.close()


def _epoch_seed(seed: int, epoch: int, rank: int) -> int:
    """Return the seed of torch's random generator for an epoch, below 2^63 as torch requires.

    It differs between ranks, so that dropout drops different units on each rank. It is set at the
    start of every epoch, so that a resumed training draws the same numbers.
    """
    return int(np.random.SeedSequence([seed, epoch, rank]).generate_state(1, np.uint64)[0] >> 1)
