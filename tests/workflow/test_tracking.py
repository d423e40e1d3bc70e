"""Which file of an MLflow store is missing, so that collect has to run again."""

import pytest

from calobatch.workflow.tracking import missing_store


def test_a_relative_sqlite_file_that_does_not_exist_is_missing(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert missing_store("sqlite:///mlflow.db") == ["mlflow.db"]
    (tmp_path / "mlflow.db").touch()
    assert missing_store("sqlite:///mlflow.db") == []


def test_an_absolute_sqlite_file_that_does_not_exist_is_missing(tmp_path):
    path = tmp_path / "mlflow.db"
    assert missing_store(f"sqlite:///{path}") == [str(path)]
    path.touch()
    assert missing_store(f"sqlite:///{path}") == []


def test_the_options_of_a_connection_are_not_part_of_the_file_name(tmp_path):
    path = tmp_path / "mlflow.db"
    assert missing_store(f"sqlite:///{path}?timeout=60") == [str(path)]
    path.touch()
    assert missing_store(f"sqlite:///{path}?timeout=60") == []


@pytest.mark.parametrize(
    "uri",
    ["http://tracking.example.org:5000", "https://host/mlflow", "file:///nowhere/mlruns", "mlruns",
     "postgresql://user@host/mlflow", "sqlite://", "sqlite:///"],
)  # fmt: skip
def test_a_store_that_is_not_one_sqlite_file_is_never_missing(uri):
    assert missing_store(uri) == []
