"""Where a result comes from: the code, the package versions and the machine."""

import os
import platform
import socket
import subprocess
from importlib.metadata import PackageNotFoundError, version

from calobatch.checkout import CHECKOUT
from calobatch.record import Record

# The packages whose versions can change a result.
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


class Provenance(Record):
    """The code, package versions and machine of a run.

    ``git_commit`` is empty if the code is not in a git repository, ``git_dirty`` is true if there
    were uncommitted changes. ``packages`` has an empty version for each package that is missing.
    """

    git_commit: str
    git_dirty: bool
    python: str
    packages: dict[str, str]
    host: str


def provenance() -> Provenance:
    """Return the provenance of a run that this process makes."""
    return Provenance(
        git_commit=os.environ.get(COMMIT) or _git("rev-parse", "HEAD"),
        git_dirty=bool(os.environ.get(DIRTY) or _git("status", "--porcelain")),
        python=platform.python_version(),
        packages={name: version_of(name) for name in PACKAGES},
        host=socket.gethostname(),
    )


def hand_down_commit() -> None:
    """Pass the commit to the jobs that this process starts, in environment variables.

    The jobs run in images without git, so they cannot find it themselves.
    """
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


def version_of(package: str) -> str:
    """Return the version of an installed package; empty if it is not installed."""
    try:
        return version(package)
    except PackageNotFoundError:
        return ""
