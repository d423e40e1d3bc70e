"""Where a result comes from: the code, the package versions and the machine."""

import os
import platform
import re
import socket
import subprocess
from importlib.metadata import PackageNotFoundError, version

from pydantic import Field

from calobatch.allocation import Allocation, allocation
from calobatch.checkout import CHECKOUT
from calobatch.credentials import without_credentials
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
JOB = "SLURM_JOB_ID"
# The variables that hand these facts to jobs, and the texts of the second one.
COMMIT, DIRTY = "CALOBATCH_GIT_COMMIT", "CALOBATCH_GIT_DIRTY"
STATES: dict[bool | None, str] = {True: "yes", False: "no", None: "unknown"}

# How an address of git begins that is no folder; the second form is git@host:path.
OF_ANOTHER_MACHINE = re.compile(r"(https?|ssh|git)://|[^/:]+@[^/:]+:")


class Provenance(Record):
    """The code, package versions and machine of a run.

    ``git_commit`` is empty if the code is not in a git repository of its own. ``git_dirty`` is true
    if there were uncommitted changes, and None if git could not say. ``packages`` has an empty
    version for each package that is missing. ``slurm_job`` is empty if SLURM did not start it, and
    ``allocated`` is None if SLURM did not say what it had allocated to that job.
    """

    git_commit: str
    git_dirty: bool | None
    python: str
    packages: dict[str, str]
    host: str
    slurm_job: str = Field("", exclude_if=lambda job: not job)
    allocated: Allocation | None = Field(None, exclude_if=lambda allocated: allocated is None)


def provenance() -> Provenance:
    """Return the provenance of a run that this process makes."""
    if COMMIT in os.environ:
        commit = os.environ[COMMIT]
        dirty = {text: state for state, text in STATES.items()}.get(os.environ.get(DIRTY, ""))
    else:
        commit, dirty = _state_of_code()
    return Provenance(
        git_commit=commit,
        git_dirty=dirty,
        python=platform.python_version(),
        packages={name: version_of(name) for name in PACKAGES},
        host=socket.gethostname(),
        slurm_job=os.environ.get(JOB, ""),
        allocated=allocation(),
    )


def hand_down_commit() -> None:
    """Pass the commit to the jobs that this process starts, in environment variables.

    The jobs run in images without git, so they cannot find it themselves.
    """
    os.environ[COMMIT], dirty = _state_of_code()
    os.environ[DIRTY] = STATES[dirty]


def address_of_code() -> str:
    """Return the address from which others can clone the code; empty if git knows of none.

    That is the one from which this checkout was cloned, unless it is a folder of this machine.
    """
    if not _has_own_repository():
        return ""
    address = _git("remote", "get-url", "origin") or ""
    return without_credentials(address) if OF_ANOTHER_MACHINE.match(address) else ""


def _has_own_repository() -> bool:
    """Return whether git keeps the code in a repository of its own.

    A copy without .git may be inside another repository, whose commit would say nothing.
    """
    return _git("rev-parse", "--show-toplevel") == str(CHECKOUT.resolve())


def _state_of_code() -> tuple[str, bool | None]:
    """Return the commit of the checkout, and whether it has uncommitted changes."""
    if not _has_own_repository():
        return "", None
    commit, changes = _git("rev-parse", "HEAD"), _git("status", "--porcelain")
    return commit or "", None if changes is None else bool(changes)


def _git(*arguments: str) -> str | None:
    """Return what git prints about the checkout; None if it fails."""
    # GIT_DIR and its like would lead to another repository.
    environment = {name: v for name, v in os.environ.items() if not name.startswith("GIT_")}
    try:
        answer = subprocess.run(
            ["git", "-C", CHECKOUT, *arguments],
            capture_output=True,
            text=True,
            check=True,
            env=environment,
        )
    except (OSError, subprocess.CalledProcessError):
        return None
    return answer.stdout.strip()


def version_of(package: str) -> str:
    """Return the version of an installed package; empty if it is not installed."""
    try:
        return version(package)
    except PackageNotFoundError:
        return ""
