"""Ask MLflow's server whether it answers, before hours of training end in a store that is away."""

import sys

from calobatch.errors import UserError
from calobatch.tracking_uri import shown

SECONDS_TO_ANSWER = 10


def require_tracking_server(uri: str) -> None:
    """Raise a UserError if the store is a server that does not answer within ten seconds.

    Any answer counts: whether it takes a login is seen when results are written.
    """
    if uri.partition("://")[0] not in ("http", "https"):
        return
    # Only now, because it takes a tenth of a second, and most stores are files.
    import requests

    address = shown(uri)
    print(f"calobatch: asking MLflow's server {address}", file=sys.stderr)
    try:
        requests.get(f"{address.rstrip('/')}/health", timeout=SECONDS_TO_ANSWER)
    except requests.exceptions.RequestException as error:
        reason = type(error).__name__
        raise UserError(
            f"MLflow's server {address} does not answer ({reason}); start it, or set "
            "MLFLOW_TRACKING_URI to another store, for example sqlite:///mlflow.db"
        ) from None
