"""Whether the project folder can be written to and has room; locks there, for a node to see."""

import contextlib
import fcntl
import getpass
import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from calobatch.slurm.checks.ask import Answer, ask
from calobatch.slurm.checks.case import Case
from calobatch.slurm.checks.finding import Finding, failed, ok, skipped, warning
from calobatch.slurm.checks.node import FROM_LOGIN, LOCKS

GB = 1_000_000_000
LEAST_BYTES, LEAST_FILES = 20 * GB, 10_000
# The folder of the checkout's own trials; hidden, so that no pattern of a rule finds it.
PREFIX = ".calobatch-doctor-"


def project_folder(case: Case) -> Finding:
    """Make a folder in the project, for the trials from a compute node."""
    here = Path.cwd()
    try:
        case.trial_folder = Path(tempfile.mkdtemp(prefix=PREFIX, dir=here))
        case.leftovers.callback(shutil.rmtree, case.trial_folder, ignore_errors=True)
        for name in (FROM_LOGIN, *LOCKS):
            (case.trial_folder / name).write_text(case.trial_folder.name, encoding="utf-8")
    except OSError as error:
        return failed(
            f"{here} cannot be written to: {error}",
            "mend that (permission, quota), or put the project in a folder of your own",
        )
    return ok(f"{here} can be written to")


def room(case: Case) -> Finding:
    """Look how much the file system of the project has left."""
    free = os.statvfs(Path.cwd())
    left, files = free.f_bavail * free.f_frsize, free.f_favail
    result = f"{left / GB:.0f} GB and {f'{files:,} files' if free.f_files else 'any files'} left"
    if left < LEAST_BYTES or (free.f_files and files < LEAST_FILES):
        return warning(
            result,
            f"make room: the full data sets and their stores need {LEAST_BYTES / GB:.0f} GB",
        )
    return ok(result)


def quota(case: Case) -> Finding:
    """Ask the file system's own programs, where there are any."""
    answer = _quota()
    if answer.code not in (0, 1) or not answer.output.strip():
        return skipped("neither lfs nor quota tells of one")
    lines = " ".join(answer.output.split())
    if re.search(r"\d[\d.kKMGT]*\*", lines):  # a star follows what is above its limit
        return warning(
            f"above its limit: {lines}", "remove files, or ask the site for a larger quota"
        )
    return ok(lines)


def _quota() -> Answer:
    user = getpass.getuser()
    of_lustre = ask(["lfs", "quota", "-q", "-h", "-u", user, str(Path.cwd())])
    return of_lustre if of_lustre.code == 0 else ask(["quota", "-s"])


@contextlib.contextmanager
def held_locks(folder: Path) -> Iterator[None]:
    """Hold a lock of each kind, for a compute node to see."""
    with contextlib.ExitStack() as files:
        for kind, lock in LOCKS.items():
            file = files.enter_context((folder / kind).open("r+b"))
            # Where no lock can be had at all, the node reports as much.
            with contextlib.suppress(OSError):
                lock(file.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
