"""A run that is taken from MLflow is the run that was collected."""

import pyarrow.parquet as pq
import pytest
from mlflow.tracking import MlflowClient

from calobatch.cli import main
from calobatch.collect.collect import collect
from calobatch.errors import UserError
from calobatch.run.checked import finished_run
from calobatch.run.leaderboard import read_leaderboard
from calobatch.tracking.download import download


@pytest.fixture(scope="module")
def stored(scenario, runs, tmp_path_factory):
    """The address of a store with the runs, and MLflow's address of the first of them."""
    folder = tmp_path_factory.mktemp("store")
    uri = f"sqlite:///{folder}/mlflow.db"
    with pytest.MonkeyPatch.context() as patched:
        patched.chdir(folder)
        collect(scenario, runs, uri, folder / "leaderboard.csv")
    return uri, f"runs:/{read_leaderboard(folder / 'leaderboard.csv')[0].run_id}"


def test_record_and_weights_are_those_of_the_folder(stored, runs, tmp_path):
    uri, address = stored
    download(address, tmp_path / "taken", uri)
    record, weights = finished_run(tmp_path / "taken")
    expected, own = finished_run(runs[0])
    assert record == expected
    assert weights.read_bytes() == own.read_bytes()


def test_raw_files_are_scored_with_a_run_in_mlflow_as_with_its_folder(
    stored, runs, tmp_path, monkeypatch
):
    uri, address = stored
    raw = str(runs[0].parents[1] / "1.hdf5")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    for name, run in (("folder.parquet", str(runs[0])), ("address.parquet", address)):
        main(["predict", run, raw, "--output", str(tmp_path / name)])
    by_address, by_folder = (tmp_path / f"{name}.parquet" for name in ("address", "folder"))
    assert pq.read_table(by_address) == pq.read_table(by_folder)


def test_the_verb_names_what_can_be_done_with_the_folder(stored, tmp_path, monkeypatch, capsys):
    uri, address = stored
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    main(["download", address, "--output", str(tmp_path / "taken")])
    said = capsys.readouterr()
    assert "`start_from`" in said.out
    assert f"calobatch: {address}: {finished_run(tmp_path / 'taken')[0].name}, run_id " in said.err


def test_nothing_is_written_over_another_run(stored, runs):
    uri, address = stored
    before = (runs[1] / "run.json").read_bytes()
    with pytest.raises(UserError, match="already has a run"):
        download(address, runs[1], uri)
    assert (runs[1] / "run.json").read_bytes() == before


def test_a_run_that_is_not_there_or_is_no_training_is_told(stored, tmp_path):
    uri, address = stored
    with pytest.raises(UserError, match="cannot use the MLflow store"):
        download("runs:/" + 32 * "0", tmp_path / "a", uri)
    run = MlflowClient(uri).get_run(address.removeprefix("runs:/"))
    parent = run.data.tags["mlflow.parentRunId"]
    with pytest.raises(UserError, match="has no weights: it stands for a scenario"):
        download(f"runs:/{parent}", tmp_path / "b", uri)
    assert not list(tmp_path.iterdir())
