"""Flip single bits in the files that calobatch reads, and see what each reader makes of them.

    python -m tests.faults.flips --flips 1000 --seed 1

Every file is flipped in place, after it was read once intact, and is read again by a process of its
own. A flip may change nothing, or be refused with one message. Anything else is a fault: different
numbers without a word, a traceback, a crash, or a reader that hangs. The exit code is then 1.
"""

import argparse
import hashlib
import os
import random
import select
import shutil
import signal
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from calobatch.checksum import sha256_of
from calobatch.config.dataset import SPLITS, Split
from calobatch.config.scenario import Scenario
from calobatch.config.training import Training
from calobatch.errors import UserError
from calobatch.evaluate.evaluate import evaluate
from calobatch.export.export import export
from calobatch.interpret.interpret import interpret
from calobatch.models.build import build_model, load_weights
from calobatch.pack.pack import pack
from calobatch.run.exported import exported_files
from calobatch.run.files import (
    EXPORT_FILE,
    EXPORT_FOLDER,
    HISTORY_FILE,
    IMAGES_FILE,
    INTERPRETATION_FILE,
    INTERPRETATION_FOLDER,
    METRICS_FILE,
    ONNX_FILE,
    PREDICTIONS_FILE,
    RECORD_FILE,
    WEIGHTS_FILE,
)
from calobatch.run.folder import read_run
from calobatch.run.interpretation import read_images, read_interpretation
from calobatch.run.leaderboard import read_leaderboard
from calobatch.run.leaderboard_of_runs import check_leaderboard, write_leaderboard
from calobatch.run.training import RunRecord
from calobatch.store import open_store
from calobatch.store_files import EVENTS_FILE, MANIFEST_FILE
from calobatch.train.checkpoint import read_checkpoint
from calobatch.train.densify import densify
from calobatch.train.train import train
from tests.checkout import CHECKOUT
from tests.layouts import ELECTRON_PHOTON, QUARK_GLUON
from tests.raw_files import random_events, write_hdf5

SAME, TOLD = "same numbers", "refused"
SILENT, TRACEBACK, CRASH, HANG = "other numbers", "traceback", "crash", "hang"
OUTCOMES = (SAME, TOLD, SILENT, TRACEBACK, CRASH, HANG)
FAULTS = (SILENT, TRACEBACK, CRASH, HANG)
SECONDS_TO_READ = 120
# Longer than a tick of the clock that file systems use.
SECONDS_BETWEEN_WRITES = 0.02
TASK = {
    "title": "A task", "dataset": "electron_photon", "model": "two_branch_cnn", "epochs": 2,
    "batch_size": 32, "learning_rate": 2e-3, "ranks": 1, "communicator": "single",
}  # fmt: skip
KEPT = CHECKOUT / "tests" / "data" / "kept"


@dataclass(frozen=True)
class Subject:
    """A part of a file, and what reads the file.

    ``first`` and ``last`` bound the bytes of the part; ``last`` is None for the end of the file.
    ``read`` returns a text that changes if any of the numbers changes that the reader passes on.
    """

    name: str
    path: Path
    read: Callable[[], str]
    first: int = 0
    last: int | None = None


class Inputs:
    """Small stores, a run that was trained on one of them, and a checkpoint."""

    def __init__(self, folder: Path) -> None:
        self.crops, self.jets = folder / "crops", folder / "jets"
        self.run, self.leaderboard = folder / "run", folder / "leaderboard.csv"
        self.checkpoint = folder / "state.pt"
        self.scenario = Scenario.model_validate(
            {
                "name": "flips", "title": "Flips", "seeds": [1], "tasks": {"crops": TASK},
                "datasets": {"electron_photon": {"source": "simulate", "events": 200}},
            }
        )  # fmt: skip

    def write(self) -> str:
        """Write all files."""
        for layout, store in ((ELECTRON_PHOTON, self.crops), (QUARK_GLUON, self.jets)):
            raw = store.with_suffix(".hdf5")
            events = random_events(layout, [0, 1] * 50, seed=1)
            write_hdf5(raw, layout, events, chunks=(20, *layout.shape[1:], layout.shape[0]))
            pack(layout.name, layout, [raw], store, split=Split(), zero_below=0.0)
        settings = {name: value for name, value in TASK.items() if name in Training.model_fields}
        train("crops", Training.model_validate(settings), 1, self.crops, self.run)
        evaluate(self.run)
        export(self.run, self.crops)
        interpret(self.run, self.crops)
        run = read_run(self.run)
        write_leaderboard(self.scenario, [run], {run.record.name: "id"}, self.leaderboard)
        shutil.copy2(KEPT / "checkpoint" / "state.pt", self.checkpoint)
        return ""

    def subjects(self) -> list[Subject]:
        """Return every file with its reader; dangerous parts of the events are subjects too."""
        events = self.crops / EVENTS_FILE
        start = open_store(self.crops).start
        offsets, size = events.read_bytes().index(start.tobytes()), events.stat().st_size
        crops = [
            Subject(f"{EVENTS_FILE} {part}", events, lambda: trained_on(self.crops), first, last)
            for part, first, last in (
                ("of crops, anywhere", 0, None),
                ("schema and metadata", 0, offsets),
                ("offsets", offsets, offsets + start.nbytes),
                ("labels, splits, footer", size - 1100, None),
            )
        ]
        return [
            *crops,
            Subject(f"{EVENTS_FILE} of jets", self.jets / EVENTS_FILE, self.trained_on_jets),
            Subject(MANIFEST_FILE, self.crops / MANIFEST_FILE, lambda: trained_on(self.crops)),
            Subject("remembered checksum", self.crops / f".{EVENTS_FILE}.sha256",
                    lambda: trained_on(self.crops)),
            Subject(PREDICTIONS_FILE, self.run / PREDICTIONS_FILE, self.evaluated),
            Subject(HISTORY_FILE, self.run / HISTORY_FILE, self.evaluated),
            Subject(RECORD_FILE, self.run / RECORD_FILE, self.evaluated),
            Subject(METRICS_FILE, self.run / METRICS_FILE, self.collected),
            Subject(f"{WEIGHTS_FILE} header", self.run / WEIGHTS_FILE, self.loaded, 0, 1000),
            Subject(f"{WEIGHTS_FILE} tensors", self.run / WEIGHTS_FILE, self.loaded, 1000),
            Subject(ONNX_FILE, self.run / EXPORT_FOLDER / ONNX_FILE, self.exported),
            Subject(EXPORT_FILE, self.run / EXPORT_FOLDER / EXPORT_FILE, self.exported),
            Subject(IMAGES_FILE, self.run / INTERPRETATION_FOLDER / IMAGES_FILE, self.interpreted),
            Subject(INTERPRETATION_FILE, self.run / INTERPRETATION_FOLDER / INTERPRETATION_FILE,
                    self.interpreted),
            Subject("leaderboard.csv", self.leaderboard, self.reported),
            Subject("checkpoint, anywhere", self.checkpoint, self.continued),
            Subject("checkpoint, first 6 kB", self.checkpoint, self.continued, 0, 6000),
        ]  # fmt: skip

    def trained_on_jets(self) -> str:
        """Return what a training on jets gets."""
        return trained_on(self.jets)

    def evaluated(self) -> str:
        """Return the metrics and the records of a run that is evaluated."""
        metrics = evaluate(self.run)
        record = RunRecord.read(self.run / RECORD_FILE)
        return f"{metrics} {record} {read_run(self.run).history}"

    def collected(self) -> str:
        """Return what MLflow and the leaderboard get, apart from the weights."""
        run = read_run(self.run)
        return f"{run.metrics} {run.record} {run.history}"

    def loaded(self) -> str:
        """Return the weights that MLflow gets."""
        run = read_run(self.run)
        model = build_model("two_branch_cnn", ELECTRON_PHOTON, {})
        load_weights(model, run.file(WEIGHTS_FILE))
        return digest(*(tensor.numpy() for tensor in model.state_dict().values()))

    def exported(self) -> str:
        """Return the exported model that MLflow gets."""
        return sha256_of(exported_files(self.run)[ONNX_FILE])

    def interpreted(self) -> str:
        """Return what the report shows of the interpretation."""
        run = read_run(self.run)
        found = read_interpretation(run)
        if found is None:
            raise UserError("the report leaves out an interpretation of another training")
        return f"{found} {digest(*read_images(run))}"

    def reported(self) -> str:
        """Return the lines of the leaderboard that a report shows."""
        lines = read_leaderboard(self.leaderboard)
        check_leaderboard(lines, self.scenario, [read_run(self.run)], self.leaderboard)
        shown = {(line.task, line.seed, line.split): line for line in lines}
        if missing := [split for split in SPLITS if ("crops", 1, split) not in shown]:
            raise UserError(f"the report refuses a leaderboard without {missing[0]}")
        # The name of the run in MLflow is not a number, and the report does not show it.
        numbers = [shown["crops", 1, split].model_dump(exclude={"run_id"}) for split in SPLITS]
        return str(numbers)

    def continued(self) -> str:
        """Return the state from which a training continues."""
        identity = RunRecord.read(KEPT / "run" / RECORD_FILE).identity
        found = read_checkpoint(self.checkpoint, identity)
        if found is None:
            raise UserError("the training starts from scratch and says so")
        tensors = [*found.model.values(), *found.best_model.values(), *_tensors(found.optimizer)]
        tensors += [tensor for rank in found.ranks for tensor in _tensors(rank)]
        plain = f"{found.history} {found.step} {found.seconds} {found.started}"
        return plain + digest(*(tensor.numpy() for tensor in tensors))


def trained_on(folder: Path) -> str:
    """Return all that a training gets from a store, made by the same compiled code."""
    store = open_store(folder)
    events = np.arange(len(store), dtype=np.int64)
    image_BP = np.empty((len(store), store.layout.pixels), np.float32)
    densify(events, store.start, store.pixel, store.value, image_BP)
    return f"{store.manifest}" + digest(image_BP, store.label, store.split, store.scalars_BS)


def digest(*arrays: np.ndarray) -> str:
    """Return a text that differs if any bit of the arrays differs."""
    whole = hashlib.sha256()
    for array in arrays:
        whole.update(f"{array.dtype} {array.shape}".encode())
        whole.update(np.ascontiguousarray(array).tobytes())
    return whole.hexdigest()


def _tensors(value: object) -> list[torch.Tensor]:
    """Return all tensors in nested dictionaries and lists; numbers count as tensors."""
    if isinstance(value, dict):
        return [tensor for part in value.values() for tensor in _tensors(part)]
    if isinstance(value, list | tuple):
        return [tensor for part in value for tensor in _tensors(part)]
    if isinstance(value, bool | int | float):
        return [torch.tensor(value)]
    return [value] if isinstance(value, torch.Tensor) else []


def in_a_process(read: Callable[[], str], log: Path) -> tuple[str, str]:
    """Return the outcome of ``read`` in a copy of this process, and a digest or a message.

    The copy has all imports already, so it takes milliseconds. No reader runs in this process
    itself: it would start threads, and a copy of the process would wait for them forever.
    """
    receive, send = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(receive)
        _child(read, send, log)
    os.close(send)
    try:
        answer = _received(receive)
    finally:
        os.close(receive)
    if answer is None:
        os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    if answer is None:
        return HANG, ""
    if not answer:
        return CRASH, f"exit status {os.waitstatus_to_exitcode(status)}"
    outcome, _, text = answer.partition("\n")
    return outcome, text


def _child(read: Callable[[], str], send: int, log: Path) -> None:
    output = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.dup2(output, 1)
    os.dup2(output, 2)
    try:
        answer = f"{SAME}\n{hashlib.sha256(read().encode()).hexdigest()}"
    except UserError as error:
        answer = f"{TOLD}\n{error}"
    except BaseException:
        answer = f"{TRACEBACK}\n{traceback.format_exc()}"
    # Less than a pipe holds.
    os.write(send, answer.encode()[:60_000])
    os._exit(0)


def _received(receive: int) -> str | None:
    """Return what the child has sent, empty if it died first, or None if it takes too long."""
    deadline = time.monotonic() + SECONDS_TO_READ
    parts: list[bytes] = []
    while select.select([receive], [], [], max(deadline - time.monotonic(), 0))[0]:
        part = os.read(receive, 65_536)
        if not part:
            return b"".join(parts).decode()
        parts.append(part)
    return None


def flip(subject: Subject, flips: int, chance: random.Random, log: Path) -> Counter[str]:
    """Flip ``flips`` bits of a subject, one at a time; return how often each outcome occurred."""
    outcome, expected = in_a_process(subject.read, log)
    if outcome != SAME:
        raise AssertionError(f"{subject.name}: the intact file is not read: {expected}")
    intact, outcomes = subject.path.read_bytes(), Counter[str]()
    for _ in range(flips):
        place = chance.randrange(subject.first, subject.last or len(intact))
        bit = chance.randrange(8)
        damaged = bytearray(intact)
        damaged[place] ^= 1 << bit
        time.sleep(SECONDS_BETWEEN_WRITES)
        subject.path.write_bytes(damaged)
        outcome, text = in_a_process(subject.read, log)
        if outcome == SAME and text != expected:
            outcome = SILENT
        if outcome in FAULTS:
            print(f"{subject.name}, byte {place}, bit {bit}: {outcome} {text}", file=sys.stderr)
        outcomes[outcome] += 1
        time.sleep(SECONDS_BETWEEN_WRITES)
        subject.path.write_bytes(intact)
    return outcomes


def main() -> int:
    """Print a table with one line per subject; return 1 if there was a fault."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults.flips", description=__doc__)
    parser.add_argument("--flips", type=int, default=1000, help="number of flips over all files")
    parser.add_argument("--seed", type=int, default=1, help="seed of the places")
    options = parser.parse_args()
    chance, total = random.Random(options.seed), Counter[str]()
    with tempfile.TemporaryDirectory() as name:
        inputs, log = Inputs(Path(name)), Path(name) / "log"
        outcome, text = in_a_process(inputs.write, log)
        if outcome != SAME:
            raise AssertionError(f"the files cannot be written: {text}\n{log.read_text()}")
        subjects = inputs.subjects()
        print("".join(f"{title:>15}" for title in ("flips", *OUTCOMES)) + "  file")
        for subject in subjects:
            found = flip(subject, -(-options.flips // len(subjects)), chance, log)
            print(_line(found, subject.name), flush=True)
            total += found
    print(_line(total, "all"))
    return int(any(total[fault] for fault in FAULTS))


def _line(found: Counter[str], name: str) -> str:
    numbers = (found.total(), *(found[outcome] for outcome in OUTCOMES))
    return "".join(f"{number:>15}" for number in numbers) + f"  {name}"


if __name__ == "__main__":
    sys.exit(main())
