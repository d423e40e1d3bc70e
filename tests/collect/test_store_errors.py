"""Each way in which an MLflow store cannot be used is one message."""

import os
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
from mlflow.tracking import MlflowClient

from calobatch.collect.collect import collect
from calobatch.errors import UserError

PATH = f"{Path(sys.executable).parent}:{os.environ['PATH']}"


@pytest.mark.parametrize(
    "uri", ["file://{folder}/mlruns", "sqlite:///{folder}/notes.txt", "mongodb://x/y", "oracle://x"]
)
def test_a_store_that_cannot_be_used_is_one_message_that_says_what_to_do(
    scenario, runs, tmp_path, uri
):
    (tmp_path / "notes.txt").write_text("This is no database. " * 100)
    uri = uri.format(folder=tmp_path)
    with pytest.raises(UserError) as raised:
        collect(scenario, runs, uri, tmp_path / "leaderboard.csv")
    message = str(raised.value)
    assert message.startswith(f"cannot use the MLflow store {uri}: ")
    assert message.endswith(
        "set MLFLOW_TRACKING_URI to another store, for example sqlite:///mlflow.db"
    )
    assert "\n" not in message


def test_the_database_of_another_program_is_refused_and_not_touched(scenario, runs, tmp_path):
    file = tmp_path / "other.db"
    with closing(sqlite3.connect(file)) as other:
        other.execute("CREATE TABLE alembic_version (version_num TEXT)")
        other.execute("INSERT INTO alembic_version VALUES ('of another program')")
        other.commit()
    before = file.read_bytes()
    with pytest.raises(UserError, match=r"database of another program, with the tables alembic_v"):
        collect(scenario, runs, f"sqlite:///{file}", tmp_path / "leaderboard.csv")
    assert file.read_bytes() == before


def test_a_database_of_a_newer_mlflow_is_one_message(scenario, runs, tmp_path):
    file = tmp_path / "newer.db"
    collect(scenario, runs[:1], f"sqlite:///{file}", tmp_path / "leaderboard.csv")
    with closing(sqlite3.connect(file)) as store:
        store.execute("UPDATE alembic_version SET version_num = 'of the future'")
        store.commit()
    # Another address of the same file, because MLflow keeps the stores of a process open.
    with pytest.raises(UserError, match=r"another version of MLflow has written it, so use") as e:
        collect(scenario, runs[:1], f"sqlite:///{file}?again=1", tmp_path / "leaderboard.csv")
    assert "\n" not in str(e.value)


@pytest.mark.parametrize("mode", ["ro", "rw"])
def test_a_database_that_cannot_be_written_is_one_message(
    mode, scenario, runs, tmp_path, monkeypatch
):
    # MLflow makes a folder for artifacts there.
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MLFLOW_SQLALCHEMYSTORE_POOL_SIZE", "1")
    file = tmp_path / "mlflow.db"
    collect(scenario, runs[:1], f"sqlite:///{file}", tmp_path / "leaderboard.csv")
    with closing(sqlite3.connect(file)) as locking:
        if mode == "rw":
            locking.execute("BEGIN IMMEDIATE")
        uri = f"sqlite:///file:{file}?mode={mode}&uri=true&timeout=1"
        with pytest.raises(UserError, match=r"readonly database|database is locked") as raised:
            collect(scenario, runs, uri, tmp_path / "leaderboard.csv")
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    "uri",
    ["http://ann:hidden@127.0.0.1:9", "postgresql://ann:hidden@127.0.0.1:9/mlflow",
     "oracle://127.0.0.1/x?password=hidden", "mongodb://ann:hidden@127.0.0.1:9/x"],
)  # fmt: skip
def test_a_store_that_cannot_be_used_is_named_without_its_password(
    scenario, runs, tmp_path, monkeypatch, uri
):
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    # The password of the first address would stay in the environment.
    for name in ("USERNAME", "PASSWORD"):
        monkeypatch.setenv(f"MLFLOW_TRACKING_{name}", "")
    monkeypatch.setenv("NETRC", os.devnull)
    with pytest.raises(UserError, match="cannot use the MLflow store") as raised:
        collect(scenario, runs, uri, tmp_path / "leaderboard.csv")
    assert "127.0.0.1" in str(raised.value)
    assert "hidden" not in str(raised.value)


def test_an_experiment_that_was_deleted_in_mlflow_can_be_restored_as_the_message_says(
    scenario, runs, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    uri = f"sqlite:///{tmp_path}/mlflow.db"
    client = MlflowClient(uri)
    client.delete_experiment(client.create_experiment("calobatch"))
    with pytest.raises(UserError, match="was deleted; restore it with") as raised:
        collect(scenario, runs, uri, tmp_path / "leaderboard.csv")
    command = str(raised.value).split("`")[1]
    subprocess.run(command, shell=True, check=True, env=os.environ | {"PATH": PATH})
    assert client.get_experiment_by_name("calobatch").lifecycle_stage == "active"
