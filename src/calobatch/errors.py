"""The ways in which a calobatch command ends early, each with its exit code."""

import errno
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class UserError(Exception):
    """A problem that the user can fix; the message names the problem and the fix. Exit code 2."""

    exit_code = 2


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
    except (UserError, JobError) as error:
        print(f"{name}: {error}", file=sys.stderr)
        sys.exit(error.exit_code)
    except OSError as error:
        print(f"{name}: {error}; {fix_of(error)}", file=sys.stderr)
        sys.exit(JobError.exit_code)
