"""The user name and password of an MLflow server leave its address for the environment."""

import os

import pytest

from calobatch.errors import UserError
from calobatch.tracking.server_login import login_by_environment


def test_user_name_and_password_move_from_the_address_to_the_environment():
    environment = {"MLFLOW_TRACKING_USERNAME": "of an earlier day"}
    uri = login_by_environment("https://ann:p%40ss:word@x.org/mlflow", environment)
    assert uri == "https://x.org/mlflow"
    assert environment["MLFLOW_TRACKING_USERNAME"] == "ann"
    assert environment["MLFLOW_TRACKING_PASSWORD"] == "p@ss:word"


def test_a_login_in_the_variables_is_not_replaced_by_that_of_netrc():
    environment = {"MLFLOW_TRACKING_USERNAME": "ann", "MLFLOW_TRACKING_PASSWORD": "word"}
    assert login_by_environment("https://x.org", environment) == "https://x.org"
    assert environment["NETRC"] == os.devnull


@pytest.mark.parametrize(
    "uri",
    ["https://x.org", "sqlite:////data/a@b/mlflow.db", "postgresql://ann:word@x.org/db", "mlruns"],
)
def test_other_addresses_stay_as_they_are(uri):
    environment = {}
    assert login_by_environment(uri, environment) == uri
    assert environment == {}


@pytest.mark.parametrize("credentials", ["hidden", "hidden:", ":hidden"])
def test_half_a_login_is_refused_without_showing_it(credentials):
    with pytest.raises(UserError, match="MLFLOW_TRACKING_PASSWORD") as raised:
        login_by_environment(f"http://{credentials}@x.org", {})
    assert "hidden" not in str(raised.value)
