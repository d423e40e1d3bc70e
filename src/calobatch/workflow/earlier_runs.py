"""Keep a finished run whose training is about to be repeated, for example with other settings.

Snakemake deletes the files of a run before it starts the training again. If that training fails, or
turns out worse, the earlier run would be lost.
"""

import os
import shutil
import sys
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path

from calobatch.run.files import (
    HISTORY_FILE,
    METRICS_FILE,
    PLOTS_FOLDER,
    PREDICTIONS_FILE,
    RECORD_FILE,
    WEIGHTS_FILE,
    missing_files,
)

# Inside the folder of a scenario's results. Its name begins with a dot, so that it is no task.
FOLDER = ".earlier"
FINISHED = (WEIGHTS_FILE, HISTORY_FILE, PREDICTIONS_FILE, RECORD_FILE)
KEPT = (*FINISHED, METRICS_FILE, PLOTS_FOLDER)


def keep_earlier_runs(runs: Iterable[Path]) -> None:
    """Keep a copy of each finished run among ``runs``, which will be trained again, and say so.

    The copies occupy no space of their own where the file system has hard links.
    """
    for run in runs:
        if missing_files(run, FINISHED):
            continue
        moment = datetime.fromtimestamp((run / RECORD_FILE).stat().st_mtime, UTC)
        task = run.parent.name
        kept = run.parents[1] / FOLDER / task / f"{run.name}-{moment:%Y%m%dT%H%M%SZ}"
        if not kept.exists():
            _copy(run, kept)
        print(
            f"calobatch: {task} {run.name} will be trained again, from its first epoch; its "
            f"earlier run is kept in {kept}, which you may delete",
            file=sys.stderr,
        )


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
