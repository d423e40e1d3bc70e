"""Keep a finished run whose training is about to be repeated, for example with other settings.

Snakemake deletes the files of a run before it starts the training again. If that training fails, or
turns out worse, the earlier run would be lost.
"""

import os
import shutil
import sys
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path

from calobatch.config.training import Cosine, Training
from calobatch.errors import UserError
from calobatch.run.files import (
    EARLIER_FOLDER,
    FINISHED_CHECKPOINT,
    METRICS_FILE,
    PLOTS_FOLDER,
    RECORD_FILE,
    TRAINING_FILES,
    missing_files,
)
from calobatch.run.kept import kept_folder
from calobatch.run.training import RunRecord

KEPT = (*TRAINING_FILES, METRICS_FILE, PLOTS_FOLDER)


def keep_earlier_runs(runs: Iterable[Path], tasks: Mapping[str, Training]) -> None:
    """Keep a copy of each finished run among ``runs``, which will be trained again, and say so.

    ``tasks`` has the settings with which they will be trained. The copies occupy no space of their
    own where the file system has hard links.
    """
    for run in runs:
        if missing_files(run, TRAINING_FILES):
            continue
        moment = datetime.fromtimestamp((run / RECORD_FILE).stat().st_mtime, UTC)
        task = run.parent.name
        kept = run.parents[1] / EARLIER_FOLDER / task / f"{run.name}-{moment:%Y%m%dT%H%M%SZ}"
        if not kept.exists():
            _copy(run, kept)
        print(
            f"calobatch: {task} {run.name} {_what_happens(run, tasks[task])}; its earlier run is "
            f"kept in {kept}, which you may delete",
            file=sys.stderr,
        )


def _what_happens(run: Path, settings: Training) -> str:
    """Return in words what the training will do, as far as the settings decide it."""
    # The training uses its own copy until the run is evaluated, and then deletes the copy.
    if not missing_files(kept_folder(run), TRAINING_FILES):
        return "was stopped after its last epoch; its files are used again if nothing has changed"
    return f"will be trained again{_from_where(run, settings)}"


def _from_where(run: Path, settings: Training) -> str:
    """Return at which epoch the training starts, as far as the settings decide it."""
    try:
        earlier = RunRecord.read(run / RECORD_FILE)
    except UserError:  # the file is damaged, or of a much older version
        return ""
    longer = settings.epochs > earlier.training.epochs
    if not longer or settings != earlier.training.model_copy(update={"epochs": settings.epochs}):
        return ", from its first epoch"
    if isinstance(settings.schedule, Cosine):
        return (
            ", from its first epoch, because the learning rates of a cosine schedule depend on the "
            "number of epochs"
        )
    if not (run / FINISHED_CHECKPOINT).exists():
        return ", from its first epoch, because its checkpoint was deleted"
    return f", and continues after epoch {earlier.epochs_run} if nothing but the epochs has changed"


def _copy(run: Path, kept: Path) -> None:
    # A name that says that it is incomplete, until it is complete.
    partial = kept.with_name(f"{kept.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    for name in KEPT:
        source = run / name
        if source.is_dir():
            shutil.copytree(source, partial / name, copy_function=_link)
        elif source.exists():
            _link(source, partial / name)
    partial.rename(kept)


def _link(source: str | Path, target: str | Path) -> None:
    try:
        os.link(source, target)
    except OSError:  # no hard links here
        shutil.copy2(source, target)
