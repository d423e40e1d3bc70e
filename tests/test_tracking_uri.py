"""How the address of MLflow's store is found and shown."""

import pytest

from calobatch.tracking_uri import DEFAULT, VARIABLE, from_environment, hidden_in, shown


@pytest.mark.parametrize(
    ("uri", "as_shown"),
    [
        ("http://ann:hidden@x.org:5000/mlflow", "http://x.org:5000/mlflow"),
        ("postgresql://ann:hid/d?e@n@x.org/mlflow", "postgresql://x.org/mlflow"),
        ("postgresql://x.org/mlflow?user=ann&password=hidden", "postgresql://x.org/mlflow"),
        ("mysql+pymysql://hidden@x.org/mlflow", "mysql+pymysql://x.org/mlflow"),
        ("https://x.org", "https://x.org"),
    ],
)
def test_the_address_of_a_server_is_shown_without_credentials(uri, as_shown):
    assert shown(uri) == as_shown
    assert hidden_in(f"cannot reach {uri}/api", uri) == f"cannot reach {as_shown}/api"


@pytest.mark.parametrize(
    "uri",
    [DEFAULT, "sqlite:////data/a@b/mlflow.db?timeout=60", "mlruns", "file:///data/a@b/mlruns"],
)
def test_the_path_of_a_file_is_shown_as_it_is(uri):
    assert shown(uri) == uri


@pytest.mark.parametrize("value", [None, ""])
def test_without_the_variable_the_store_is_a_file_in_the_checkout(value, monkeypatch):
    monkeypatch.setenv(VARIABLE, "http://x.org")
    assert from_environment() == "http://x.org"
    monkeypatch.setenv(VARIABLE, value) if value == "" else monkeypatch.delenv(VARIABLE)
    assert from_environment() == DEFAULT
