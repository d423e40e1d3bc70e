"""Checks of the project folder, and file locks that a compute node should be able to see."""

import contextlib
import fcntl
import getpass
import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from calobatch.config.dataset import AnyDataset, Simulated
from calobatch.errors import UserError
from calobatch.slurm.ask import Answer, ask
from calobatch.slurm.checks.case import Case
from calobatch.slurm.checks.finding import Finding, failed, ok, skipped, warning
from calobatch.slurm.checks.node_facts import FROM_LOGIN, LOCKS
from calobatch.slurm.folder import mounted, require_usable_folder

GB = 1_000_000_000
LEAST_FILES = 10_000
# Generous amounts, in bytes: a simulated event in a raw file and a store (a jet with pile-up needs
# 12 kB), any other dataset with its store (the larger public one has 5 GB of files), all results.
EVENT, DATASET, RESULTS = 20_000, 10 * GB, GB
# The name of the folder for the trials begins with a dot, so that no pattern of a rule matches it.
PREFIX = ".calobatch-doctor-"


def project_folder(case: Case) -> Finding:
    """Create a folder in the project for the trials on a compute node."""
    here = Path.cwd()
    try:
        case.trial_folder = Path(tempfile.mkdtemp(prefix=PREFIX, dir=here))
        case.leftovers.callback(shutil.rmtree, case.trial_folder, ignore_errors=True)
        for name in (FROM_LOGIN, *LOCKS):
            (case.trial_folder / name).write_text(case.trial_folder.name, encoding="utf-8")
    except OSError as error:
        return failed(
            f"cannot write to {here}: {error}",
            "correct its permissions or your quota, or put the project in a folder of your own",
        )
    return ok(f"{here} can be written to")


def links(case: Case) -> Finding:
    """Check that jobs can use the project's path and what it links to, and list what is mounted."""
    here = Path.cwd()
    try:
        require_usable_folder(here)
    except UserError as error:
        result, _, fix = str(error).rpartition("; ")
        return failed(result, fix)
    return ok(f"images see {', '.join(mounted(here, case.site.binds, os.environ))}")


def disk_space(case: Case) -> Finding:
    """Check that the file system of the project has room for the scenario's data and results."""
    free = os.statvfs(Path.cwd())
    left, files = free.f_bavail * free.f_frsize, free.f_favail
    needed = RESULTS + sum(map(_bytes_of, case.scenario.datasets.values()))
    # Some file systems do not limit the number of files, and report 0.
    result = f"{left / GB:.0f} GB free" + (f", room for {files:,} files" if free.f_files else "")
    if left < needed or (free.f_files and files < LEAST_FILES):
        return warning(
            result,
            f"free some space; this scenario may need {needed / GB:.0f} GB and "
            f"{LEAST_FILES:,} files",
        )
    return ok(f"{result}; this scenario may need {needed / GB:.0f} GB")


def _bytes_of(dataset: AnyDataset) -> int:
    """Return the bytes that a dataset and its store may need at most."""
    return dataset.events * EVENT if isinstance(dataset, Simulated) else DATASET


def quota(case: Case) -> Finding:
    """Check the user's quota with the programs of the file system, if it has any."""
    answer = _quota()
    # `quota` exits with 1 when a limit is exceeded.
    if answer.code not in (0, 1) or not answer.output.strip():
        return skipped("neither lfs nor quota reports a quota")
    lines = " ".join(answer.output.split())
    if re.search(r"\d[\d.kKMGT]*\*", lines):  # a star marks a number above its limit
        return warning(
            f"above the limit: {lines}",
            "delete files, or ask the cluster's support for a larger quota",
        )
    return ok(lines)


def _quota() -> Answer:
    user = getpass.getuser()
    of_lustre = ask(["lfs", "quota", "-q", "-h", "-u", user, str(Path.cwd())])
    return of_lustre if of_lustre.code == 0 else ask(["quota", "-s"])


@contextlib.contextmanager
def held_locks(folder: Path) -> Iterator[None]:
    """Hold a lock of each kind, so that a compute node can test whether it sees them."""
    with contextlib.ExitStack() as files:
        for kind, lock in LOCKS.items():
            file = files.enter_context((folder / kind).open("r+b"))
            # On a file system without locks the node reports that.
            with contextlib.suppress(OSError):
                lock(file.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
