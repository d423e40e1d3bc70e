"""Where a result comes from: code, packages, machine."""

import os
import platform
import socket
import subprocess
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from pydantic import BaseModel, ConfigDict

PACKAGES = (
    "calobatch",
    "torch",
    "horovod",
    "numpy",
    "pyarrow",
    "h5py",
    "scikit-learn",
    "pythia8mc",
    "fastjet",
)
COMMIT, DIRTY = "CALOBATCH_GIT_COMMIT", "CALOBATCH_GIT_DIRTY"
CHECKOUT = Path(__file__).resolve().parents[2]


class Provenance(BaseModel):
    """The code and the machine behind a run. ``git_commit`` is empty outside a git checkout."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    git_commit: str
    git_dirty: bool
    python: str
    packages: dict[str, str]
    host: str


def provenance() -> Provenance:
    """Return the provenance of a run of this code, here and now."""
    return Provenance(
        git_commit=os.environ.get(COMMIT) or _git("rev-parse", "HEAD"),
        git_dirty=bool(os.environ.get(DIRTY) or _git("status", "--porcelain")),
        python=platform.python_version(),
        packages={name: _version(name) for name in PACKAGES},
        host=socket.gethostname(),
    )


def hand_down_commit() -> None:
    """Let the jobs that this process starts know the commit: their images have no git."""
    os.environ[COMMIT] = _git("rev-parse", "HEAD")
    os.environ[DIRTY] = "yes" if _git("status", "--porcelain") else ""


def _git(*arguments: str) -> str:
    try:
        answer = subprocess.run(
            ["git", "-C", CHECKOUT, *arguments], capture_output=True, text=True, check=True
        )
    except (OSError, subprocess.CalledProcessError):
        return ""
    return answer.stdout.strip()


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return ""
