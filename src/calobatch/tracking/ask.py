"""Check MLflow's store before hours of training, in case it does not answer or refuses the user."""

import os
import sys
from collections.abc import Mapping

from calobatch.errors import UserError
from calobatch.tracking.refusals import NO_LOGIN, NO_PERMISSION, OTHER_STORE
from calobatch.tracking.server_login import PASSWORD, USERNAME, login_by_environment
from calobatch.tracking.sqlite_store import check_sqlite_store
from calobatch.tracking_uri import experiment_from_environment, shown

SECONDS_TO_ANSWER = 10
# A new server makes its database when it is first asked for something in it.
SECONDS_TO_LOOK = 60
# Variables of MLflow that also say how its server is asked.
TOKEN, CERTIFICATE = "MLFLOW_TRACKING_TOKEN", "MLFLOW_TRACKING_CLIENT_CERT_PATH"
AUTHORITY, INSECURE = "MLFLOW_TRACKING_SERVER_CERT_PATH", "MLFLOW_TRACKING_INSECURE_TLS"
# With one of these, MLflow logs in by a plugin, which only the image has.
BY_PLUGIN = ("MLFLOW_TRACKING_AUTH", "MLFLOW_TRACKING_AWS_SIGV4")


def require_tracking_store(uri: str, environment: Mapping[str, str] = os.environ) -> None:
    """Raise a UserError if the store cannot take runs.

    A server must answer within ten seconds, accept the login, and let the user write to the
    experiment; an SQLite file must be MLflow's, and writable. Other databases are not asked,
    because their drivers are only in the image.
    """
    if uri.partition("://")[0] in ("http", "https"):
        _ask_server(uri, dict(environment))
    else:
        check_sqlite_store(uri)


def _ask_server(uri: str, environment: dict[str, str]) -> None:
    # Only now, because it takes a tenth of a second, and most stores are files.
    import requests

    address = login_by_environment(uri, environment).rstrip("/")
    print(f"calobatch: asking MLflow's server {address}", file=sys.stderr)
    session = requests.Session()
    if environment.get(USERNAME):
        session.auth = (environment[USERNAME], environment.get(PASSWORD, ""))
    elif environment.get(TOKEN):
        session.headers["Authorization"] = f"Bearer {environment[TOKEN]}"
    insecure = environment.get(INSECURE, "").lower() in ("true", "1")
    session.verify = environment.get(AUTHORITY) or not insecure
    session.cert = environment.get(CERTIFICATE)
    experiments = f"{address}/api/2.0/mlflow/experiments"
    try:
        session.get(f"{address}/health", timeout=SECONDS_TO_ANSWER)
        found = session.get(
            f"{experiments}/get-by-name",
            params={"experiment_name": experiment_from_environment()},
            timeout=SECONDS_TO_LOOK,
        )
        if any(environment.get(name) for name in BY_PLUGIN):
            return
        _check(address, found.status_code)
        if found.status_code != requests.codes.ok:  # nobody has created the experiment yet
            return
        # What collect will write, too. Nothing else tells whether the user may write.
        tag = {
            "experiment_id": found.json()["experiment"]["experiment_id"],
            "key": "mlflow.experimentKind",
            "value": "custom_model_development",
        }
        written = session.post(
            f"{experiments}/set-experiment-tag", json=tag, timeout=SECONDS_TO_LOOK
        )
        _check(address, written.status_code)
    except (requests.exceptions.RequestException, OSError) as error:
        reason = type(error).__name__
        certificate = (
            f"; of a certificate that this machine does not know, name the file in {AUTHORITY}"
            if isinstance(error, requests.exceptions.SSLError)
            else ""
        )
        raise UserError(
            f"MLflow's server {shown(uri)} does not answer ({reason}); start it, or {OTHER_STORE}"
            f"{certificate}"
        ) from None


def _check(address: str, status: int) -> None:
    for refusal in (NO_LOGIN, NO_PERMISSION):
        if status == refusal.status:
            raise UserError(f"MLflow's server {address} {refusal.what}; {refusal.fix}")
