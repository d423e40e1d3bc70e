"""One training, to be read from top to bottom. Every rank runs it, and only rank 0 writes files.

All ranks must make the same calls of the communicator in the same order: if one rank left out a
call, the others would wait for it. Conditions around such calls therefore depend only on values
that are the same on all ranks.

Tensor names end in their shape: B events of the batch, C channels, H rows, W columns, K classes.
"""

import itertools
import statistics
import sys
import time
from functools import partial
from pathlib import Path

import numpy as np
import torch
from torch.nn.utils import get_total_norm

from calobatch.communicator.device import autocast, choose_device, device_name
from calobatch.communicator.interface import Communicator, connect
from calobatch.communicator.placement import placement
from calobatch.config.training import Training
from calobatch.models.build import build_model, input_names, parameter_count, save_weights
from calobatch.models.trial import try_model
from calobatch.progress import Progress
from calobatch.provenance import provenance
from calobatch.run.decision import is_constant
from calobatch.run.files import WEIGHTS_FILE
from calobatch.run.folder import write_run
from calobatch.run.history import Epoch, best_epoch
from calobatch.run.kept import forget_kept_run, kept_folder, kept_run, publish_kept_run
from calobatch.run.mark import Mark, mark_of
from calobatch.run.name import RunName
from calobatch.run.training import Preparation, RunRecord
from calobatch.store import open_store
from calobatch.train.account import Account
from calobatch.train.allocator import keep_freed_memory
from calobatch.train.augment import draw_moves
from calobatch.train.averaged_weights import averaged
from calobatch.train.batches import BatchMaker, one_ahead
from calobatch.train.checkpoint import CheckpointKeeper, rank_state, restore_rank
from calobatch.train.checks import check_classes, check_events, check_ranks
from calobatch.train.epoch_sums import EpochSums
from calobatch.train.gradients import Gradients
from calobatch.train.heartbeat import Heartbeat, Phase
from calobatch.train.identity import course_identity, training_identity
from calobatch.train.learning_rate import LearningRate
from calobatch.train.messages import diverged, epoch_line, mark_line, opening, stopped
from calobatch.train.optimizer import make_optimizer, skip_if_not_finite
from calobatch.train.order import epoch_batches
from calobatch.train.score import score_events, validate
from calobatch.train.start import begin, start_line
from calobatch.train.stop import StopRequest
from calobatch.train.watched_communicator import WatchedCommunicator
from calobatch.training_code import training_code_sha256


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
    name = RunName(task, seed, fold)
    classes = len(store.layout.classes)
    training_events = store.events_of("train")
    validation_events = store.events_of("validation")
    check_events(task, settings.ranks, len(training_events))
    check_classes(task, store)

    # ---- Model and optimizer ----
    # The initial weights are drawn from torch's generator.
    torch.manual_seed(seed)
    memory_format = torch.channels_last if settings.channels_last else torch.contiguous_format
    model = build_model(settings.model, store.layout, settings.model_options).to(device)
    try_model(model, settings.model, store.layout)
    start = begin(model, settings, store)
    optimizer = make_optimizer(settings, model.parameters())
    maker = BatchMaker(store, input_names(model), device, settings.augmentation, memory_format)
    schedule = LearningRate(settings, place.size)
    batch_size = settings.global_batch(place.size)
    identity = training_identity(settings, seed, store, device, start.sha256)
    # Recorded now, because the checkout may have changed by the time the training ends.
    origin, code = provenance(), training_code_sha256(settings.model)

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
    course = course_identity(settings, seed, store, device, start.sha256)
    keeper = CheckpointKeeper(
        output, course, identity, settings, communicator, model, optimizer, average
    )
    if communicator.broadcast(communicator.rank == 0 and _took_over(output, identity)):
        keeper.finish()
        communicator.close()
        return
    history: list[Epoch] = []
    best_model = _copy_of_weights(model)
    checkpoint = keeper.load()
    if checkpoint:
        started, history, best_model = checkpoint.started, checkpoint.history, checkpoint.best_model
        # The schedule's state is not in the checkpoint. Going through the past epochs restores it.
        for epoch in history:
            schedule.epoch_ended(epoch.validation_auc)
    resumed_after, resumed_at = len(history), checkpoint.step if checkpoint else 0
    resumed = f", continued after epoch {resumed_after}, step {resumed_at}" if checkpoint else ""
    _say(communicator, opening(name, settings, store, model, device) + resumed)
    if settings.start_from and not checkpoint:
        _say(communicator, start_line(name, settings.start_from, start))

    progress = Progress(
        f"train {name}",
        total=settings.epochs * len(training_events) if communicator.rank == 0 else None,
        unit="events",
        done=resumed_after * len(training_events) + resumed_at * batch_size,
        quiet=communicator.rank != 0,
    )
    account = Account(device)
    stopwatch = account.stopwatch
    with progress, StopRequest(communicator) as stop:
        # ---- Epochs ----
        for number in range(resumed_after + 1, settings.epochs + 1):
            if _should_stop(history, settings.early_stopping):
                break
            torch.manual_seed(_epoch_seed(seed, number, communicator.rank))
            start.rest()
            shares = epoch_batches(
                training_events,
                batch_size,
                seed=seed,
                epoch=number,
                rank=communicator.rank,
                ranks=communicator.size,
            )
            moves = draw_moves(len(store), settings.augmentation, seed=seed, epoch=number)
            sums = EpochSums(device, skip=settings.skip_bad_steps)
            clock, first_step = time.monotonic(), 0
            # After a restart, the first epoch may continue from its middle.
            if checkpoint and checkpoint.step and number == resumed_after + 1:
                first_step, clock = checkpoint.step, clock - checkpoint.seconds
                restore_rank(checkpoint.ranks[communicator.rank], model, sums, device)
            # `parts` has, for each step, the events of each of its forward and backward passes. A
            # thread makes their batches in advance.
            parts = [share.parts(settings.passes_per_step) for share in shares[first_step:]]
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
                    keeper.save(
                        started=started,
                        history=history,
                        best_model=best_model,
                        step=step + 1,
                        seconds=time.monotonic() - clock,
                        ranks=communicator.allgather(rank_state(model, sums, device)),
                    )
                    keeper.wait()
                    raise stopped(name, number, step + 1, stop)
            epoch_seconds = time.monotonic() - clock
            seconds = account.epoch_ended(sum(len(share.events) for share in shares[first_step:]))

            # ---- Validation ----
            heartbeat.at(Phase.VALIDATING, number)
            # The running means of batch normalisation differ between ranks. All ranks take over
            # those of rank 0, for the validation and for the next epoch.
            communicator.broadcast_tensors(model.buffers())
            if average:
                communicator.broadcast_tensors(evaluated.buffers())
            means = sums.means(communicator, len(shares), len(training_events))
            data, compute, communication = (
                communicator.allreduce(np.array(list(seconds.values()))) / communicator.size
            )
            validation = validate(evaluated, maker, validation_events, communicator, heartbeat)
            if not (np.isfinite(means.loss) and validation.finite):
                raise diverged(name, number, gradients.overflowed(communicator))
            epoch = Epoch(
                epoch=number,
                time=time.time(),
                train_loss=means.loss,
                validation_loss=validation.loss,
                validation_auc=validation.auc,
                validation_accuracy=validation.accuracy,
                learning_rate=rate,
                seconds=epoch_seconds,
                data_seconds=data,
                compute_seconds=compute,
                communication_seconds=communication,
                events_per_second=len(training_events) / epoch_seconds,
                gradient_norm=means.gradient_norm,
                weight_norm=float(get_total_norm([p.detach() for p in evaluated.parameters()])),
                skipped_steps=means.skipped_steps,
            )
            # The ranks' clocks differ. All ranks keep rank 0's times, because the history is in the
            # checkpoint and must be the same on all ranks.
            history.append(Epoch.model_validate(communicator.broadcast(epoch.model_dump())))
            schedule.epoch_ended(epoch.validation_auc)
            if best_epoch(history).epoch == number:
                best_model = _copy_of_weights(evaluated)
            keeper.save(started=started, history=history, best_model=best_model)
            _say(communicator, epoch_line(name, history[-1], settings.epochs))
            if mark := _mark(epoch, classes, constant=validation.constant):
                _say(communicator, mark_line(name, mark))
            if stopping and number < settings.epochs:
                keeper.wait()
                raise stopped(name, number, len(shares), stop)

    # ---- The finished run ----
    heartbeat.at(Phase.FINISHING)
    model.load_state_dict(best_model)
    scores = score_events(model, maker, np.arange(len(store)), communicator, heartbeat)
    hosts = communicator.allgather(origin.host)
    throughput = account.throughput(communicator)
    if communicator.rank == 0:
        manifest = store.manifest
        record = RunRecord(
            task=task, seed=seed, fold=fold, training=settings, identity=identity,
            dataset=manifest.dataset, layout=store.layout, simulated=manifest.simulated,
            dataset_sha256=manifest.events_sha256,
            source_sha256={source.file: source.sha256 for source in manifest.sources},
            parameters=parameter_count(model), ranks=communicator.size,
            device=device_name(device), hosts=tuple(sorted(set(hosts))),
            started=started, finished=time.time(),
            epochs_run=len(history), best_epoch=best_epoch(history).epoch,
            resumed_after_epoch=resumed_after, resumed_at_step=resumed_at,
            events_per_second=_typical_speed(history), throughput=throughput,
            provenance=origin, code_sha256=code, start_sha256=start.sha256,
            preparation=Preparation(zero_below=manifest.zero_below, scalars=manifest.scalars),
            mark=_mark(
                best_epoch(history), classes, constant=is_constant(scores[validation_events])
            ),
        )  # fmt: skip
        kept = kept_folder(output)
        save_weights(best_model, kept / WEIGHTS_FILE)
        write_run(kept, store, history, scores, record)
        publish_kept_run(output)
    keeper.finish()
    communicator.close()


def _took_over(output: Path, identity: str) -> bool:
    """Publish the run that an earlier attempt has finished, if there is one; return whether."""
    record = kept_run(output, identity)
    if record is None:
        forget_kept_run(output)
        return False
    publish_kept_run(output)
    finished = time.strftime("%Y-%m-%d %H:%M", time.localtime(record.finished))
    print(
        f"train {record.name}: an earlier attempt finished this training on "
        f"{finished}; taking over its files",
        file=sys.stderr,
        flush=True,
    )
    return True


def _mark(epoch: Epoch, classes: int, *, constant: bool) -> Mark:
    return mark_of(
        train_loss=epoch.train_loss,
        validation_loss=epoch.validation_loss,
        auc=epoch.validation_auc,
        constant=constant,
        classes=classes,
    )


def _copy_of_weights(model: torch.nn.Module) -> dict[str, torch.Tensor]:
    return {name: tensor.clone() for name, tensor in model.state_dict().items()}


def _should_stop(history: list[Epoch], patience: int | None) -> bool:
    """Return whether ``patience`` epochs have passed since the best one; False if it is None."""
    return bool(patience and history and len(history) - best_epoch(history).epoch >= patience)


def _epoch_seed(seed: int, epoch: int, rank: int) -> int:
    """Return the seed of torch's random generator for an epoch, below 2^63 as torch requires.

    It differs between ranks, so that dropout drops different units on each rank. It is set at the
    start of every epoch, so that a resumed training draws the same numbers.
    """
    return int(np.random.SeedSequence([seed, epoch, rank]).generate_state(1, np.uint64)[0] >> 1)


def _typical_speed(history: list[Epoch]) -> float:
    """Return the median of the epochs' events per second, without the first, slower epoch."""
    return statistics.median(epoch.events_per_second for epoch in history[1:] or history)


def _say(communicator: Communicator, line: str) -> None:
    if communicator.rank == 0:
        print(line, file=sys.stderr, flush=True)
