"""Runs that are collected."""

import pytest

from calobatch.collect.collect import collect
from tests.trained_scenario import runs, scenario

__all__ = ["runs", "scenario"]


@pytest.fixture(scope="module")
def collected(scenario, runs, tmp_path_factory):
    folder = tmp_path_factory.mktemp("mlflow")
    with pytest.MonkeyPatch.context() as patched:
        patched.chdir(folder)  # artifacts lie beside the database
        uri = f"sqlite:///{folder}/mlflow.db"
        collect(scenario, runs, uri, folder / "leaderboard.csv")
    return uri, folder
