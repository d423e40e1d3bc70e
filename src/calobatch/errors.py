"""The ways in which a calobatch command ends early, each with its exit code."""

import errno
import os
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class UserError(Exception):
    """A problem that the user can fix; the message names the problem and the fix. Exit code 2."""

    exit_code = 2


class SettingsError(UserError):
    """Settings with which no training can succeed. A search goes on without them."""


# What to do about the errors of the system that a user meets most often.
FIXES = {
    errno.ENOSPC: "free space on that disk",
    errno.EDQUOT: "free space within your quota",
    errno.EFBIG: "raise the limit on the size of a file (ulimit -f), or use a disk with more space",
    errno.EROFS: "use a disk that can be written to",
    errno.EACCES: "correct the permissions",
    errno.EPERM: "correct the permissions",
    errno.EMFILE: "raise the limit on open files (ulimit -n)",
}


class JobError(Exception):
    """A job that was set up correctly and failed nevertheless. Exit code 1."""

    exit_code = 1


class StoppedError(Exception):
    """A training that was asked to stop and left a checkpoint. The same command continues it.

    The exit code is EX_TEMPFAIL of sysexits.h, "try again later". Batch systems and the requeue
    verb can distinguish it from a failure.
    """

    exit_code = 75


def fix_of(error: OSError) -> str:
    """Return what the user can do about an error of the system."""
    fix = FIXES.get(error.errno or 0, "fix the cause (disk space, permissions or a name)")
    return f"{fix}, and run the same command again"


def error_to_tell(error: Exception) -> UserError | JobError:
    """Return the error whose message the user sees: ``error`` itself if a stage raised it.

    Libraries can raise anything else. The message then says where it happened, and how to see more.
    """
    if isinstance(error, (UserError, JobError)):
        return error
    reason = f"{error}"
    if isinstance(error, OSError):
        return JobError(f"{reason}; {fix_of(error)}")
    if isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError":
        return JobError(
            "there is too little memory; request more, or use fewer workers or a smaller "
            "batch_size, and run the same command again"
        )
    if isinstance(error, ModuleNotFoundError):
        return JobError(
            f"the package {error.name} is not installed here; run `make setup`, or on a cluster "
            "start the command in its image with `calobatch contain`"
        )
    reason = " ".join(reason.split())[:300]
    frames = traceback.extract_tb(error.__traceback__)
    # The last line of calobatch says more than one deep inside of a library.
    here = str(Path(__file__).parent)
    own = [frame for frame in frames if frame.filename.startswith(here)] or frames
    where = f" at line {own[-1].lineno} of {own[-1].filename}" if own else ""
    return JobError(
        f"unexpected {type(error).__name__}{where}: {reason}; to see the traceback, set "
        "CALOBATCH_TRACEBACK=1 and run the same command again"
    )


@contextmanager
def reading(path: Path, fix: str) -> Iterator[None]:
    """Turn any error while the file ``path`` is read into one UserError.

    The message names the file and the reason, and ends with ``fix``: what the user can do.
    """
    try:
        yield
    # pydantic's ValidationError and Arrow's errors are ValueErrors.
    except (OSError, ValueError, KeyError) as error:
        reason = " ".join(str(error).split())[:200]
        raise UserError(f"cannot read {path}: {reason}; {fix}") from None


@contextmanager
def exiting(name: str = "calobatch") -> Iterator[None]:
    """End the process with one message, and the exit code of its kind, if the block fails."""
    try:
        yield
    except Exception as error:
        if os.environ.get("CALOBATCH_TRACEBACK"):
            traceback.print_exc()
        told = error_to_tell(error)
        print(f"{name}: {told}", file=sys.stderr)
        sys.exit(told.exit_code)
