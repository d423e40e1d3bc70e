"""Which part of calobatch may import which: stages know the two contracts, and not each other."""

import ast
import subprocess
import sys

import pytest

from tests.checkout import CHECKOUT

SOURCE = CHECKOUT / "src" / "calobatch"
STAGES = {
    "fetch",
    "simulate",
    "pack",
    "search",
    "train",
    "evaluate",
    "export",
    "interpret",
    "collect",
    "report",
    "predict",
}
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


# What `make head` installs on a login node, and what only images have (pyproject.toml).
ONLY_IN_IMAGES = {"torch", "horovod", "pyarrow", "h5py", "numba", "sklearn", "matplotlib", "mlflow",
                  "jinja2", "awkward", "fastjet", "pythia8mc", "safetensors"}  # fmt: skip
RULES = sorted((CHECKOUT / "workflow" / "rules").glob("*.smk"))
SLURM = CHECKOUT / "src" / "calobatch" / "slurm"
LOGIN_NODE = [
    *sorted({line for path in RULES for line in path.read_text().splitlines()
             if line.startswith("from calobatch")}),
    "from calobatch.plan import answer, finished_run, measurements",
    # `patient` imports Snakemake, whose pandas takes pyarrow where it is installed.
    *(f"from calobatch.slurm import {path.stem}" for path in sorted(SLURM.glob("*.py"))
      if path.stem != "patient"),
    "from calobatch.slurm.usage import usage",
    "from calobatch.fetch import fetch",
    "from calobatch.run import leaderboard",
    "from calobatch.watch import screen",
]  # fmt: skip


@pytest.mark.parametrize("line", LOGIN_NODE)
def test_what_a_login_node_runs_needs_no_package_of_the_images(line):
    """The rules are read, jobs submitted and clusters checked without torch, pyarrow and others."""
    assert any("evaluate" in path.name for path in RULES)
    code = f"import sys; {line}; print(*{ONLY_IN_IMAGES!r} & set(sys.modules))"
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert answer.stdout == "\n", answer.stdout + answer.stderr
