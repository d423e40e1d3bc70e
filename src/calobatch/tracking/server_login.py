"""Log in to an MLflow server without having the password in the server's address."""

import os
from collections.abc import MutableMapping
from urllib.parse import unquote

from calobatch.errors import UserError
from calobatch.tracking_uri import VARIABLE, shown

USERNAME, PASSWORD = "MLFLOW_TRACKING_USERNAME", "MLFLOW_TRACKING_PASSWORD"


def login_by_environment(uri: str, environment: MutableMapping[str, str] = os.environ) -> str:
    """Return the address of an MLflow server without user name and password.

    These are put into the variables of ``environment`` from which MLflow takes them. If they stayed
    in the address, MLflow would print them with the address of each run. Addresses of other
    stores are returned as they are. Raises a UserError if there is a user name but no password,
    because MLflow takes only both from its variables.

    With a user name in the variables, ~/.netrc is not read: a login in it for the same host would
    replace that of the variables.
    """
    kind, _, rest = uri.partition("://")
    credentials = rest.rpartition("@")[0]
    if kind in ("http", "https") and credentials:
        username, _, password = (unquote(part) for part in credentials.partition(":"))
        if not username or not password:
            raise UserError(
                f"{VARIABLE} has a user name or a password for {shown(uri)}, but not both; set it "
                f"to {shown(uri)}, and set {USERNAME} and {PASSWORD}"
            )
        environment.update({USERNAME: username, PASSWORD: password})
        uri = shown(uri)
    if environment.get(USERNAME):
        environment["NETRC"] = os.devnull
    return uri
