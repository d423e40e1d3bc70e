"""The secret that the ranks of one job step share, although srun passes none to them.

Every rank derives it from a file in the project folder, which all nodes mount and only its owner
can read, and from the numbers of the job and the step.
"""

import contextlib
import hmac
import os
import secrets
import time
from collections.abc import Mapping
from pathlib import Path

from calobatch.communicator.placement import SECRET_VARIABLE
from calobatch.errors import UserError

# Snakemake's own folder, because it is on a file system that all nodes share. Deleting the file is
# harmless: the next job makes another.
FOLDER = ".snakemake"
SECRET_BYTES = 32
# A network file system may show a new file to another node only after a while.
SECONDS_UNTIL_SEEN = 60.0


def secret_of_step(project: Path, job: int, step: int, environment: Mapping[str, str]) -> str:
    """Return the secret of a job step: the user's own variable, or one made from the project's.

    Raises a UserError if other users may read the project's secret, or if it cannot be written.
    """
    if given := environment.get(SECRET_VARIABLE):
        return given
    # In a project folder that several users share, each has a secret.
    path = project / FOLDER / f"calobatch-secret-{os.getuid()}"
    try:
        of_project = _read(path) or _made(path)
    except OSError as error:
        raise UserError(
            f"cannot read or write {path}, which has the secret of your jobs ({error.strerror}); "
            f"correct its permissions, or set {SECRET_VARIABLE} to a long random text before the "
            "job starts"
        ) from None
    return hmac.digest(of_project, f"job {job} step {step}".encode(), "sha256").hex()


def _read(path: Path) -> bytes | None:
    """Return the project's secret; None if there is none yet, or not the whole of it."""
    try:
        with path.open("rb") as file:
            mode = os.fstat(file.fileno()).st_mode
            secret = file.read()
    except FileNotFoundError:
        return None
    if mode & 0o077:
        raise UserError(
            f"other users may read {path}, which has the secret of your jobs; delete the file, or, "
            f"if the file system keeps no permissions, set {SECRET_VARIABLE} to a long random text "
            "before the job starts"
        )
    return secret if len(secret) == SECRET_BYTES else None


def _made(path: Path) -> bytes:
    """Make the project's secret, unless another rank has just made it; return the one that won."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with contextlib.suppress(FileExistsError):
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(secrets.token_bytes(SECRET_BYTES))
        except OSError:
            path.unlink()
            raise
    deadline = time.monotonic() + SECONDS_UNTIL_SEEN
    while (secret := _read(path)) is None:
        if time.monotonic() > deadline:
            raise UserError(
                f"{path}, which has the secret of your jobs, is incomplete; delete the file, and "
                "run the same command again"
            )
        time.sleep(0.1)
    return secret
