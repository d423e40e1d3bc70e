"""Variables of the user act on jobs only with a line about it."""

import tempfile

import pytest

from calobatch.checkout import CHECKOUT
from calobatch.workflow.variables import tell_variables


def test_an_ordinary_environment_is_not_mentioned(capsys, tmp_path):
    (tmp_path / "my_models").mkdir()
    tell_variables(
        {
            "PYTHONPATH": f"{CHECKOUT}/src:{tmp_path}",
            "TMPDIR": str(tmp_path),
            "MLFLOW_TRACKING_URI": "sqlite:///mlflow.db",
            "HOME": "/root",
        }
    )
    assert capsys.readouterr().err == ""


def test_a_temporary_folder_that_is_not_there_is_replaced(capsys, monkeypatch, tmp_path):
    monkeypatch.setattr(tempfile, "tempdir", None)
    monkeypatch.delenv("TMPDIR", raising=False)
    environment = {"TMPDIR": str(tmp_path / "gone")}
    tell_variables(environment)
    assert environment == {}
    assert f"TMPDIR is {tmp_path}/gone, where nothing can be written" in capsys.readouterr().err


def test_packages_that_hide_the_pinned_ones_are_named(capsys, tmp_path):
    (tmp_path / "numpy").mkdir()
    tell_variables({"PYTHONPATH": str(tmp_path)})
    assert (
        f"PYTHONPATH has {tmp_path}, so jobs on this machine use numpy" in capsys.readouterr().err
    )


@pytest.mark.parametrize(
    "name",
    ["HOROVOD_FUSION_THRESHOLD", "NCCL_SOCKET_IFNAME", "GLOO_SOCKET_IFNAME", "MLFLOW_RUN_ID"],
)
def test_variables_of_libraries_are_named(capsys, name):
    tell_variables({name: "1"})
    assert capsys.readouterr().err == (
        f"calobatch: these variables of yours affect all jobs: {name}\n"
    )
