"""How an MLflow server refuses a user, and what the user can do about it."""

from typing import NamedTuple

from calobatch.tracking.server_login import PASSWORD, USERNAME
from calobatch.tracking_uri import EXPERIMENT_VARIABLE, VARIABLE

OTHER_STORE = f"set {VARIABLE} to another store, for example sqlite:///mlflow.db"


class Refusal(NamedTuple):
    """A status of HTTP, and in words what it means and what to do."""

    status: int
    what: str
    fix: str


NO_LOGIN = Refusal(
    401,
    "does not accept this login",
    f"set {USERNAME} and {PASSWORD} to a user and a password that it knows",
)
NO_PERMISSION = Refusal(
    403,
    "does not let this user write to the experiment",
    f"ask its owner for the permission EDIT, or set {EXPERIMENT_VARIABLE} to the name of an "
    "experiment of your own",
)
