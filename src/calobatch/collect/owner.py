"""Whose runs are in an MLflow store, and whether a store was copied from another place."""

import getpass
import os
import shlex
from pathlib import Path
from urllib.parse import unquote, urlsplit

from calobatch.errors import UserError
from calobatch.tracking_uri import shown, sqlite_file

# The owner of all runs in a store that is a file of the checkout.
THIS_CHECKOUT = "this checkout"
# The folder in which MLflow keeps the artifacts of a store that is a file.
ARTIFACTS = "mlruns"


def owner_in(tracking_uri: str) -> str:
    """Return the owner of this checkout's runs in the store: the user and the folder.

    Two users, or two checkouts of one user, may write scenarios of the same name to one server.
    """
    file = sqlite_file(tracking_uri)
    if file and Path(file).resolve().is_relative_to(Path.cwd()):
        return THIS_CHECKOUT
    # The number and not the name, which an image may not know.
    return f"user {os.getuid()} in {Path.cwd()}"


def user() -> str:
    """Return the name of the user, or the number if the user has no name here."""
    try:
        return getpass.getuser()
    # An image need not know the user.
    except (KeyError, OSError):
        return str(os.getuid())


def refuse_copied_store(tracking_uri: str, artifact_location: str) -> None:
    """Raise a UserError if the store is a file that was copied here together with the checkout.

    It has the path of the folder that it was made in, and plots and models would go there.
    """
    file = sqlite_file(tracking_uri)
    is_address = "://" in artifact_location
    place = urlsplit(artifact_location if is_address else "")
    artifacts = Path(unquote(place.path) if is_address else artifact_location).parent
    # A store outside the checkout is the user's own affair, and so are other places for artifacts.
    if (
        not file
        or Path(file).resolve().parent != Path.cwd()
        or place.scheme not in ("", "file")
        or artifacts.name != ARTIFACTS
    ):
        return
    if artifacts.parent.resolve() != Path.cwd():
        raise UserError(
            f"the MLflow store {shown(tracking_uri)} was made in {artifacts.parent}, and plots and "
            "models of these runs would be written there; if this folder is a copy, begin a new "
            f"store: `mv {shlex.quote(file)} {shlex.quote(f'{file}.old')}`, and run the same "
            "command again; if it was moved, move it back, or make a link from there to here"
        )
