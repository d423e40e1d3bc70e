"""Which part of calobatch may import which: stages know the two contracts, and not each other."""

import ast
import subprocess
import sys

import pytest

from tests.checkout import CHECKOUT

SOURCE = CHECKOUT / "src" / "calobatch"
STAGES = {"fetch", "simulate", "pack", "train", "evaluate", "collect", "report"}
CONTRACTS = ["calobatch.store", *(
    f"calobatch.run.{path.stem}"
    for path in sorted((SOURCE / "run").glob("*.py"))
    if path.stem != "__init__"
)]  # fmt: skip


def imported_rooms(stage):
    """Return the rooms of calobatch that the modules of a stage import."""
    rooms = set()
    for path in (SOURCE / stage).rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            names = [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            names += [name.name for name in node.names] if isinstance(node, ast.Import) else []
            rooms |= {name.split(".")[1] for name in names if name.startswith("calobatch.")}
    return rooms


@pytest.mark.parametrize("stage", sorted(STAGES))
def test_no_stage_imports_another(stage):
    found = imported_rooms(stage)
    assert found, "no import was found, so the test looks in the wrong place"
    assert not found & (STAGES - {stage})


@pytest.mark.parametrize("module", CONTRACTS)
def test_the_contracts_do_not_load_torch(module):
    code = f"import sys, {module}; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
