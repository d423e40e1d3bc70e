"""What counts as the code of a model: its file and its helpers, without comments."""

import pytest

from calobatch.config.model_code import bytes_sha256, code_of, code_sha256, model_files
from calobatch.config.model_file import model_source

SHIPPED = ("cnn", "jet_cnn", "two_branch_cnn", "vision_transformer")
MODEL = '''"""A model."""

from torch import nn

from my_models.blocks import Block  # its layers


class Model(nn.Module):
    """Two layers."""

    name = "a # that is no comment"
'''
BLOCKS = "from . import deep\nimport math, os.path\nclass Block: pass\n"


@pytest.fixture
def package(tmp_path, monkeypatch):
    """A package with a model, its two helpers, and a module that none of them imports.

    As where torch is not installed, nothing of it can be imported.
    """
    folder = tmp_path / "my_models"
    folder.mkdir()
    for name, text in {
        "__init__": "import a_package_that_is_not_installed",
        "net": MODEL,
        "blocks": BLOCKS,
        "deep": "",
        "other": "",
    }.items():
        (folder / f"{name}.py").write_text(text)
    monkeypatch.syspath_prepend(tmp_path)
    return folder


@pytest.mark.parametrize("model", SHIPPED)
def test_a_model_of_calobatch_is_its_file_alone(model):
    assert model_files(model) == [model_source(model)]


def test_the_trees_and_the_shapes_belong_to_the_model_that_uses_them():
    names = [file.name for file in model_files("boosted_trees")]
    assert names == ["boosted_trees.py", "decision_trees.py", "shapes.py"]


def test_a_model_is_its_file_and_the_modules_of_its_package_that_it_imports(package):
    files = [file.name for file in model_files("my_models.net")]
    assert files == ["net.py", "blocks.py", "deep.py"]


@pytest.mark.parametrize("name", ["net", "blocks", "deep"])
def test_changed_code_changes_the_hash_in_the_model_and_in_its_helpers(package, name):
    before = code_sha256("my_models.net"), bytes_sha256("my_models.net")
    file = package / f"{name}.py"
    file.write_text(file.read_text() + "\nWIDTH = 8\n")
    assert code_sha256("my_models.net") != before[0]
    assert bytes_sha256("my_models.net") != before[1]


def test_comments_docstrings_and_blank_lines_change_only_the_hash_of_the_bytes(package):
    before = code_sha256("my_models.net"), bytes_sha256("my_models.net")
    file = package / "net.py"
    text = (
        file.read_text().replace("# its layers", "").replace("Two layers", "Two good\n    layers")
    )
    file.write_text("# mine\n\n" + text)
    assert code_sha256("my_models.net") == before[0]
    assert bytes_sha256("my_models.net") != before[1]


@pytest.mark.parametrize(
    ("source", "code"),
    [
        ('"""Doc."""\nx = 1  # one\n\n# two\ny = "# no"\n', 'x = 1\ny = "# no"'),
        ('def f():\n    """Doc\n\n    more."""\n    return 1\n', "def f():\n    return 1"),
        ('x = f("a",\n  # why\n  "b")\n', 'x = f("a",\n  "b")'),
        ("é = 'ü'  # ö\n", "é = 'ü'"),
        ("this is (no Python", "this is (no Python"),
    ],
)
def test_only_code_is_left(source, code):
    assert code_of(source) == code


@pytest.mark.parametrize(
    ("model", "in_0_2"),
    [
        ("cnn", "9560c93ba4c55a09c5642bd0322b1c2d83aa59e2b877cef063cad6502a3db331"),
        ("jet_cnn", "1a6191b43014fb34fadd18199755bdf32b36a8c9b9507094170fdd4f6daaf940"),
        ("two_branch_cnn", "eb01fa056faa6d20f2d3cb5ba9e5e9c2f4e37536a7bb2202f1cccd57b7571296"),
        ("vision_transformer", "481fcf42169445b9e1b3ee6f2153adc1d85a53765e3b5a61f321a1ce2d33dff3"),
    ],
)
def test_a_reference_model_counts_as_the_file_that_it_was_in_version_0_2(model, in_0_2):
    assert bytes_sha256(model) == in_0_2
