"""The hash of the code of a training changes with all code that makes its batches."""

import ast

import pytest

from calobatch.checkout import CHECKOUT
from calobatch.training_code import PARTS

PACKAGE = CHECKOUT / "src" / "calobatch"
# Says what a dataset has; it computes nothing.
DESCRIPTION = {"layouts.py"}


def imported_by(path):
    """The files beside the package's folders that a file imports."""
    modules = [
        node.module for node in ast.walk(ast.parse(path.read_text())) if hasattr(node, "module")
    ]
    names = {f"{module.removeprefix('calobatch.')}.py" for module in modules if module}
    return names & {file.name for file in PACKAGE.glob("*.py")}


@pytest.mark.parametrize("name", ["batches", "images", "densify", "augment"])
def test_all_that_makes_batches_is_in_the_hash(name):
    hashed = {path.relative_to(PACKAGE).as_posix() for part in PARTS for path in PACKAGE.glob(part)}
    imported = imported_by(PACKAGE / "train" / f"{name}.py") - DESCRIPTION
    assert imported
    assert imported <= hashed
