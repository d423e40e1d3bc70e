"""One training, read from top to bottom. Every rank runs this; rank 0 alone writes files."""

import itertools
import shutil
import statistics
import sys
import time
from functools import partial
from pathlib import Path

import numpy as np
import torch
from sklearn.metrics import roc_auc_score
from torch.nn import functional

from calobatch import __version__
from calobatch.atomic import write_text
from calobatch.checksum import sha256_of
from calobatch.communicator.interface import Communicator, connect
from calobatch.communicator.placement import placement
from calobatch.config.load import model_source
from calobatch.config.models import Training
from calobatch.errors import JobError, StoppedError, UserError
from calobatch.models.build import (
    WEIGHTS_FILE,
    build_model,
    input_names,
    parameter_count,
    save_weights,
)
from calobatch.progress import Progress
from calobatch.provenance import provenance
from calobatch.store import Store, open_store
from calobatch.train.account import account
from calobatch.train.allocator import keep_freed_memory
from calobatch.train.augment import draw_moves
from calobatch.train.batches import BatchMaker, one_ahead
from calobatch.train.checkpoint import (
    Checkpoint,
    identity_of,
    load_checkpoint,
    rank_state,
    restore_rank,
    save_checkpoint,
)
from calobatch.train.device import autocast, choose_device
from calobatch.train.gpu_meter import GpuMeter
from calobatch.train.gradients import Gradients
from calobatch.train.history import HISTORY_FILE, Epoch, best_epoch, write_history
from calobatch.train.learning_rate import LearningRate
from calobatch.train.order import epoch_batches
from calobatch.train.predictions import PREDICTIONS_FILE, write_predictions
from calobatch.train.record import RECORD_FILE, RunRecord
from calobatch.train.score import score_events
from calobatch.train.stop import StopRequest
from calobatch.train.stopwatch import Seconds, Stopwatch, added_up

OPTIMIZERS = {"adam": torch.optim.Adam, "adamw": torch.optim.AdamW}


def train(task: str, settings: Training, seed: int, store_folder: Path, output: Path) -> None:
    """Train ``settings.model`` on a packed store; leave the finished run in ``output``.

    ``output`` gets model.safetensors, history.jsonl, predictions.parquet and run.json, and while
    the training goes on a folder ``checkpoint``, from which the same call continues. Called by
    every rank. Raises a UserError for what the user can mend, a JobError for what failed, and a
    StoppedError after a signal to stop (see :mod:`calobatch.train.stop`).
    """
    started = time.time()
    place = placement()
    if place.size != settings.ranks:
        raise UserError(
            f"{task} is set to {settings.ranks} ranks, but {place.size} were started; start it "
            f"with `calobatch launch -n {settings.ranks} calobatch train ...`"
        )
    keep_freed_memory()
    device = choose_device(place, settings.device, settings.threads)
    store = open_store(store_folder)
    training_events = store.events_of("train")
    validation_events = store.events_of("validation")
    if len(training_events) < settings.ranks:
        raise UserError(
            f"{task}: {settings.ranks} ranks, but only {len(training_events)} training events; "
            "set ranks lower or use more events"
        )
    torch.manual_seed(seed)
    layout_in_memory = torch.channels_last if settings.channels_last else torch.contiguous_format
    model = build_model(settings.model, store.layout, settings.model_options).to(device)
    optimizer = OPTIMIZERS[settings.optimizer](
        model.parameters(),
        lr=settings.learning_rate,
        weight_decay=settings.weight_decay,
        fused=True,
    )
    maker = BatchMaker(store, input_names(model), device, settings.augmentation, layout_in_memory)
    schedule = LearningRate(settings, place.size)
    batch_size = settings.batch_size * (place.size if settings.grow_batch_with_ranks else 1)
    identity = identity_of(
        settings.model_dump_json(), str(seed), store.manifest.events_sha256, device.type,
        torch.__version__, __version__, sha256_of(model_source(settings.model)),
    )  # fmt: skip
    origin = provenance()  # of the code that is running now, not of what it is at the end

    communicator = connect(settings.communicator, place, device)
    communicator.broadcast_tensors(model.state_dict().values())
    # Not before: Horovod sends only what is contiguous.
    model.to(memory_format=layout_in_memory)  # type: ignore[call-overload]
    gradients = Gradients(model)
    checkpoint_path = output / "checkpoint" / "state.pt"
    checkpoint = _agreed_checkpoint(checkpoint_path, identity, communicator)
    history: list[Epoch] = []
    best_model = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    if checkpoint:
        started, history, best_model = checkpoint.started, checkpoint.history, checkpoint.best_model
        model.load_state_dict(checkpoint.model)
        optimizer.load_state_dict(checkpoint.optimizer)
        for epoch in history:
            schedule.epoch_ended(epoch.validation_auc)
    resumed_after, resumed_at = len(history), checkpoint.step if checkpoint else 0
    resumed = f", going on after epoch {resumed_after}, step {resumed_at}" if checkpoint else ""
    _say(communicator, _opening(task, settings, seed, store, model, device) + resumed)

    progress = Progress(
        f"train {task} seed {seed}",
        total=settings.epochs * len(training_events) if communicator.rank == 0 else None,
        unit="events",
        done=resumed_after * len(training_events) + resumed_at * batch_size,
        quiet=communicator.rank != 0,
    )
    stopwatch, readings = Stopwatch(device), list[Seconds]()
    meter, events_done = GpuMeter(device), 0
    with progress, StopRequest(communicator) as stop:
        for number in range(resumed_after + 1, settings.epochs + 1):
            if _should_stop(history, settings.early_stopping):
                break
            torch.manual_seed(_epoch_seed(seed, number, communicator.rank))
            shares = epoch_batches(
                training_events,
                batch_size,
                seed=seed,
                epoch=number,
                rank=communicator.rank,
                ranks=communicator.size,
            )
            moves = draw_moves(len(store), settings.augmentation, seed=seed, epoch=number)
            loss_sum = torch.zeros((), dtype=torch.float64, device=device)
            clock, first_step = time.monotonic(), 0
            if checkpoint and checkpoint.step and number == resumed_after + 1:
                first_step, clock = checkpoint.step, clock - checkpoint.seconds
                restore_rank(checkpoint.ranks[communicator.rank], model, loss_sum, device)
            parts = [share.parts(settings.passes_per_step) for share in shares[first_step:]]
            make = partial(maker.batch, moves=moves)
            batches = one_ahead(make, itertools.chain.from_iterable(parts))
            stopwatch.start()
            for step, share in enumerate(shares[first_step:], first_step):
                rate = schedule.at(number - 1 + (step + 1) / len(shares))
                for group in optimizer.param_groups:
                    group["lr"] = rate
                gradients.clear()
                for batch in itertools.islice(batches, len(parts[step - first_step])):
                    stopwatch.lap("data")
                    with autocast(settings.precision, device):
                        logits_B2 = model(*batch.inputs)
                    loss = functional.cross_entropy(
                        logits_B2.float(), batch.label_B, reduction="sum"
                    )
                    # Added up over ranks, this is the mean over the batch, however it was shared.
                    (loss / share.batch_events).backward()  # type: ignore[no-untyped-call]
                    loss_sum += loss.detach()
                    stopwatch.lap("compute")
                gradients.add_up(communicator, compress=settings.compress_gradients)
                stopwatch.lap("communication")
                optimizer.step()
                stopwatch.lap("compute")
                progress.advance(share.batch_events)
                stopping = stop.agreed()
                stopwatch.lap("communication")
                if stopping and step + 1 < len(shares):
                    ranks = communicator.allgather(rank_state(model, loss_sum, device))
                    if communicator.rank == 0:
                        now = Checkpoint(
                            identity, started, history, model.state_dict(), best_model,
                            optimizer.state_dict(), step + 1, time.monotonic() - clock, ranks,
                        )  # fmt: skip
                        save_checkpoint(now, checkpoint_path)
                    communicator.broadcast(None)  # nobody leaves before it is written
                    raise _stopped(task, seed, number, step + 1, stop)
            epoch_seconds = time.monotonic() - clock
            events_done += sum(len(share.events) for share in shares[first_step:])
            meter.sample()

            # Statistics of batch normalisation are each rank's own; rank 0's are the model's.
            communicator.broadcast_tensors(model.buffers())
            readings.append(stopwatch.read())
            sums = communicator.allreduce(np.array([loss_sum.item(), *readings[-1].values()]))
            train_loss = sums[0] / len(training_events)
            data, compute, communication = sums[1:] / communicator.size
            scores = score_events(model, maker, validation_events, communicator)
            labels = store.label[validation_events]
            if not (np.isfinite(train_loss) and np.isfinite(scores).all()):
                raise JobError(
                    f"{task} seed {seed}: the loss is not finite in epoch {number}; lower "
                    "learning_rate or set warmup_epochs, and run again"
                )
            epoch = Epoch(
                epoch=number,
                time=time.time(),
                train_loss=train_loss,
                validation_loss=_log_loss(labels, scores),
                validation_auc=float(roc_auc_score(labels, scores)),
                validation_accuracy=float(np.mean((scores > 0.5) == labels)),
                learning_rate=rate,
                seconds=epoch_seconds,
                data_seconds=data,
                compute_seconds=compute,
                communication_seconds=communication,
                events_per_second=len(training_events) / epoch_seconds,
            )
            # The clocks of the ranks differ; rank 0's line is the run's.
            history.append(communicator.broadcast(epoch))
            schedule.epoch_ended(epoch.validation_auc)
            if best_epoch(history).epoch == number:
                best_model = {name: tensor.clone() for name, tensor in model.state_dict().items()}
            if communicator.rank == 0:
                now = Checkpoint(
                    identity, started, history, model.state_dict(), best_model,
                    optimizer.state_dict(),
                )  # fmt: skip
                save_checkpoint(now, checkpoint_path)
                write_history(history, output / "checkpoint" / HISTORY_FILE)
            _say(communicator, _epoch_line(task, seed, history[-1], settings.epochs))
            if np.ptp(scores) == 0:
                _say(
                    communicator,
                    f"train {task} seed {seed}: every event has the same score, the model's units "
                    "are dead; lower learning_rate, set warmup_epochs, or try another seed",
                )
            if stopping and number < settings.epochs:
                communicator.broadcast(None)
                raise _stopped(task, seed, number, len(shares), stop)

    model.load_state_dict(best_model)
    scores = score_events(model, maker, np.arange(len(store)), communicator)
    hosts = communicator.allgather(origin.host)
    speed = account(events_done, added_up(readings), meter, device, communicator)
    if communicator.rank == 0:
        record = RunRecord(
            task=task,
            dataset=store.manifest.dataset,
            layout=store.manifest.layout,
            simulated=store.manifest.simulated,
            seed=seed,
            training=settings,
            identity=identity,
            dataset_sha256=store.manifest.events_sha256,
            source_sha256={source.file: source.sha256 for source in store.manifest.sources},
            parameters=parameter_count(model),
            ranks=communicator.size,
            device=_device_name(device),
            hosts=tuple(sorted(set(hosts))),
            started=started,
            finished=time.time(),
            epochs_run=len(history),
            best_epoch=best_epoch(history).epoch,
            resumed_after_epoch=resumed_after,
            resumed_at_step=resumed_at,
            events_per_second=_typical_speed(history),
            throughput=speed,
            provenance=origin,
        )
        save_weights(best_model, output / WEIGHTS_FILE)
        write_history(history, output / HISTORY_FILE)
        write_predictions(store, scores, output / PREDICTIONS_FILE)
        write_text(output / RECORD_FILE, record.model_dump_json(indent=2) + "\n")
        shutil.rmtree(output / "checkpoint", ignore_errors=True)
    communicator.close()


def _agreed_checkpoint(path: Path, identity: str, communicator: Communicator) -> Checkpoint | None:
    """Return rank 0's checkpoint on every rank, so that all start at the same epoch."""
    mine = load_checkpoint(path, identity) if communicator.rank == 0 else None
    return communicator.broadcast(mine)


def _stopped(task: str, seed: int, epoch: int, step: int, stop: StopRequest) -> StoppedError:
    return StoppedError(
        f"{task} seed {seed}: asked to stop by {stop.received or 'another rank'}; left a "
        f"checkpoint after step {step} of epoch {epoch}; run the same command again to go on"
    )


def _should_stop(history: list[Epoch], patience: int | None) -> bool:
    return bool(patience and history and len(history) - best_epoch(history).epoch >= patience)


def _epoch_seed(seed: int, epoch: int, rank: int) -> int:
    """Return the seed of torch's generator: dropout differs by rank, and a resumed epoch agrees."""
    return int(np.random.SeedSequence([seed, epoch, rank]).generate_state(1, np.uint64)[0] >> 1)


def _log_loss(labels: np.ndarray, scores: np.ndarray) -> float:
    clipped = np.clip(scores.astype(np.float64), 1e-12, 1 - 1e-12)
    return float(-np.mean(np.where(labels == 1, np.log(clipped), np.log1p(-clipped))))


def _typical_speed(history: list[Epoch]) -> float:
    """Return the median events/s; the first epoch, which warms up, counts only if it is alone."""
    return statistics.median(epoch.events_per_second for epoch in history[1:] or history)


def _device_name(device: torch.device) -> str:
    return torch.cuda.get_device_name(device) if device.type == "cuda" else "cpu"


def _opening(
    task: str,
    settings: Training,
    seed: int,
    store: Store,
    model: torch.nn.Module,
    device: torch.device,
) -> str:
    data = "simulated" if store.manifest.simulated else "public"
    return (
        f"train {task} seed {seed}: {settings.model}, {parameter_count(model):,} parameters, "
        f"{len(store.events_of('train')):,} {data} events, {settings.ranks} ranks "
        f"({settings.communicator}) on {_device_name(device)}"
    )


def _epoch_line(task: str, seed: int, epoch: Epoch, epochs: int) -> str:
    return (
        f"train {task} seed {seed}: epoch {epoch.epoch}/{epochs} "
        f"loss {epoch.train_loss:.4f} validation loss {epoch.validation_loss:.4f} "
        f"AUC {epoch.validation_auc:.4f} rate {epoch.learning_rate:.2e} "
        f"{epoch.events_per_second:,.0f} events/s"
    )


def _say(communicator: Communicator, line: str) -> None:
    if communicator.rank == 0:
        print(line, file=sys.stderr, flush=True)
