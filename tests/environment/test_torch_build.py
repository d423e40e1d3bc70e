"""Which build of torch is taken: pip finds tiny wheels with the names of torch's builds."""

import os
import re
import subprocess
import sys
import zipfile

import pytest

from tests.checkout import CHECKOUT

SCRIPT = CHECKOUT / "environment/torch_build.sh"
TORCH = re.search(
    "^torch==(.*)$", (CHECKOUT / "environment/constraints.txt").read_text(), re.MULTILINE
).group(1)
WITHOUT_CUDA = f"{TORCH}+cpu"


def torch_build(folder, variant, *versions):
    """Run the script where pip finds only these versions of torch."""
    for version in versions:
        with zipfile.ZipFile(folder / f"torch-{version}-py3-none-any.whl", "w") as wheel:
            info = f"torch-{version}.dist-info"
            wheel.writestr(
                f"{info}/METADATA", f"Metadata-Version: 2.1\nName: torch\nVersion: {version}\n"
            )
            wheel.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nTag: py3-none-any\n")
            wheel.writestr(f"{info}/RECORD", "")
    given = {name: value for name, value in os.environ.items() if not name.startswith("PIP_")}
    pip = {"PIP_CONFIG_FILE": os.devnull, "PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(folder)}
    return subprocess.run(
        [SCRIPT, sys.executable, variant], env={**given, **pip}, capture_output=True, text=True
    )


@pytest.mark.parametrize(("variant", "build"), [("cpu", WITHOUT_CUDA), ("cuda", TORCH)])
def test_each_variant_has_its_own_build_where_pip_finds_both(tmp_path, variant, build):
    answer = torch_build(tmp_path, variant, TORCH, WITHOUT_CUDA)
    assert (answer.returncode, answer.stdout, answer.stderr) == (0, f"{build}\n", "")


def test_the_default_build_is_taken_where_pip_finds_no_other_and_the_cost_is_announced(tmp_path):
    """This is so with pip's defaults: the package index has no +cpu build."""
    answer = torch_build(tmp_path, "cpu", TORCH)
    assert (answer.returncode, answer.stdout) == (0, f"{TORCH}\n")
    assert re.search("2.7 GB.*; .*PIP_EXTRA_INDEX_URL", answer.stderr)


@pytest.mark.parametrize(("variant", "found"), [("cpu", ["1.0"]), ("cuda", [WITHOUT_CUDA])])
def test_a_torch_that_pip_does_not_find_is_named(tmp_path, variant, found):
    answer = torch_build(tmp_path, variant, *found)
    assert (answer.returncode, answer.stdout) == (1, "")
    last = answer.stderr.splitlines()[-1]
    assert last.startswith(f"wheelhouse: pip does not find torch {TORCH}")
    assert "PIP_EXTRA_INDEX_URL" in last
