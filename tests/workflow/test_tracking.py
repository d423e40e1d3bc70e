"""The stamp that says that MLflow's store has the runs of a scenario goes with the store."""

import pytest

from calobatch.workflow.tracking import forget_missing_store


@pytest.fixture
def stamp(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path = tmp_path / ".in_store"
    path.touch()
    return path


@pytest.mark.parametrize("uri", ["sqlite:///mlflow.db", "sqlite:///mlflow.db?timeout=60"])
def test_the_stamp_stays_while_the_store_exists(stamp, uri):
    (stamp.parent / "mlflow.db").touch()
    forget_missing_store(uri, str(stamp))
    assert stamp.exists()
    (stamp.parent / "mlflow.db").unlink()
    forget_missing_store(uri, str(stamp))
    assert not stamp.exists()


def test_a_store_elsewhere_counts_as_well(stamp, tmp_path_factory):
    store = tmp_path_factory.mktemp("elsewhere") / "mlflow.db"
    store.touch()
    forget_missing_store(f"sqlite:///{store}", str(stamp))
    assert stamp.exists()
    store.unlink()
    forget_missing_store(f"sqlite:///{store}", str(stamp))
    assert not stamp.exists()


@pytest.mark.parametrize(
    "uri",
    ["http://tracking.example.org:5000", "https://host/mlflow", "file:///nowhere/mlruns", "mlruns",
     "postgresql://user@host/mlflow", "sqlite://", "sqlite:///"],
)  # fmt: skip
def test_a_store_that_is_not_one_sqlite_file_is_never_missing(stamp, uri):
    forget_missing_store(uri, str(stamp))
    assert stamp.exists()


def test_without_a_stamp_nothing_happens(stamp):
    stamp.unlink()
    forget_missing_store("sqlite:///mlflow.db", str(stamp))
