"""The hash of the code of a training changes with all code that makes its batches."""

import ast

import pytest

from calobatch.checkout import CHECKOUT
from calobatch.training_code import PARTS

PACKAGE = CHECKOUT / "src" / "calobatch"
# Says what a dataset has; it computes nothing.
DESCRIPTION = {"layouts.py"}


def imported_by(path):
    """The files that a file imports, except those of the configuration."""
    modules = [
        node.module for node in ast.walk(ast.parse(path.read_text())) if hasattr(node, "module")
    ]
    names = {module.removeprefix("calobatch.").replace(".", "/") for module in modules if module}
    files = {file.relative_to(PACKAGE).as_posix() for file in PACKAGE.rglob("*.py")}
    return {f"{name}.py" for name in names if not name.startswith("config/")} & files


@pytest.mark.parametrize(
    "name", ["train/batches", "train/images", "train/densify", "train/augment", "models/inputs"]
)
def test_all_that_makes_batches_is_in_the_hash(name):
    hashed = {path.relative_to(PACKAGE).as_posix() for part in PARTS for path in PACKAGE.glob(part)}
    imported = imported_by(PACKAGE / f"{name}.py") - DESCRIPTION
    assert imported
    assert imported <= hashed
