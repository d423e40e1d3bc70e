"""The ways a calobatch command ends early, and the exit code of each."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class UserError(Exception):
    """Something the user can mend: one message that names the thing and the mend. Exit code 2."""

    exit_code = 2


class JobError(Exception):
    """A job that was set up rightly and failed all the same. Exit code 1."""

    exit_code = 1


class StoppedError(Exception):
    """A training that was asked to stop and left a checkpoint. The same command goes on.

    The exit code is EX_TEMPFAIL of sysexits.h: try again later.
    """

    exit_code = 75


@contextmanager
def reading(path: Path, mend: str) -> Iterator[None]:
    """Make whatever is wrong with the file ``path`` one UserError that says the ``mend``."""
    try:
        yield
    except (OSError, ValueError, KeyError) as error:  # pydantic's and Arrow's are among them
        reason = " ".join(str(error).split())[:200]
        raise UserError(f"cannot read {path}: {reason}; {mend}") from None


@contextmanager
def exiting(name: str = "calobatch") -> Iterator[None]:
    """End the process with one message, and the exit code of its kind, if the block fails."""
    try:
        yield
    except (UserError, JobError) as error:
        print(f"{name}: {error}", file=sys.stderr)
        sys.exit(error.exit_code)
