"""The version of a model's code, which decides whether Snakemake repeats its trainings."""

import pytest

from calobatch.checksum import sha256_of
from calobatch.config import model_code
from calobatch.workflow.model_version import model_version


@pytest.fixture
def model(tmp_path, monkeypatch):
    """The file of a model, in an empty folder."""
    monkeypatch.chdir(tmp_path)
    file = tmp_path / "net.py"
    file.write_text("WIDTH = 8\n")
    monkeypatch.setattr(model_code, "model_files", lambda name: [file])
    return file


def test_a_model_that_comes_with_calobatch_is_known_as_in_version_0_2_0(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    in_0_2 = "9560c93ba4c55a09c5642bd0322b1c2d83aa59e2b877cef063cad6502a3db331"
    assert model_version("cnn") == in_0_2


def test_a_comment_leaves_the_version_and_code_changes_it(model):
    first = model_version("net")
    assert first == sha256_of(model)
    model.write_text("# units in the hidden layer\nWIDTH = 8\n")
    assert model_version("net") == first
    model.write_text("# units in the hidden layer\nWIDTH = 16\n")
    assert model_version("net") == sha256_of(model) != first
    model.write_text("WIDTH = 8\n")
    assert model_version("net") == first
