"""Variables of the user that change what the jobs do. None of them acts without a line about it."""

import os
import sys
import tempfile
from collections.abc import MutableMapping
from pathlib import Path

from calobatch.checkout import CHECKOUT
from calobatch.provenance import PACKAGES

# They are read by the libraries with which ranks talk to each other, and by MLflow.
PREFIXES = ("HOROVOD_", "NCCL_", "GLOO_", "MLFLOW_")
# calobatch itself reads these, or they change nothing that it does.
KNOWN = ("MLFLOW_TRACKING_",)


def tell_variables(environment: MutableMapping[str, str] = os.environ) -> None:
    """Print one line for each kind of variable that acts on the jobs.

    TMPDIR is removed if it leads to no folder that can be written to.
    """
    for line in (*_temporary_folder(environment), *_packages(environment), *_others(environment)):
        print(f"calobatch: {line}", file=sys.stderr)


def _temporary_folder(environment: MutableMapping[str, str]) -> list[str]:
    folder = environment.get("TMPDIR")
    if folder is None or (Path(folder).is_dir() and os.access(folder, os.W_OK)):
        return []
    del environment["TMPDIR"]
    tempfile.tempdir = None  # looked up again
    return [f"TMPDIR is {folder}, where nothing can be written; using {tempfile.gettempdir()}"]


def _packages(environment: MutableMapping[str, str]) -> list[str]:
    own = CHECKOUT / "src"
    lines = []
    for entry in filter(None, environment.get("PYTHONPATH", "").split(os.pathsep)):
        folder = Path(entry)
        names = [name.replace("-", "_") for name in PACKAGES if folder.resolve() != own]
        if found := [name for name in names if (folder / name).is_dir()]:
            lines.append(
                f"PYTHONPATH has {entry}, so jobs on this machine use {', '.join(found)} from "
                "there instead of the pinned versions; unset PYTHONPATH if that is not intended"
            )
    return lines


def _others(environment: MutableMapping[str, str]) -> list[str]:
    found = sorted(
        name for name in environment if name.startswith(PREFIXES) and not name.startswith(KNOWN)
    )
    if not found:
        return []
    return [f"these variables of yours affect all jobs: {', '.join(found)}"]
