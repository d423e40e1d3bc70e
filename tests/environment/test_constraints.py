import importlib.util
import re
import subprocess
import sys
import tomllib

import pytest
from packaging.markers import Marker

from calobatch.checkout import CHECKOUT

FOLDER = CHECKOUT / "environment"
spec = importlib.util.spec_from_file_location("constraints", FOLDER / "constraints.py")
constraints = importlib.util.module_from_spec(spec)
spec.loader.exec_module(constraints)
PROJECT = tomllib.loads((CHECKOUT / "pyproject.toml").read_text())["project"]
LINES = [line for line in constraints.FILE.read_text().splitlines() if not line.startswith("#")]
# check_python.py as any version of Python would run it.
PRETEND = """
import sys
sys.version_info = ({version}, 0)
exec(compile(open({path!r}).read(), {path!r}, "exec"), {{"__file__": {path!r}}})
"""


def pins(python):
    """Return the packages that are pinned for a Python, as pip reads the markers."""
    found = []
    for line in LINES:
        name, _, marker, _ = constraints.LINE.fullmatch(line).groups()
        if not marker or Marker(marker).evaluate({"python_version": python}):
            found.append(constraints.key(name))
    return found


def check_python(version, caller="setup"):
    code = PRETEND.format(version=version, path=str(FOLDER / "check_python.py"))
    return subprocess.run([sys.executable, "-c", code, caller], capture_output=True, text=True)


@pytest.mark.parametrize("python", constraints.PYTHONS)
def test_every_package_is_pinned_to_one_version_on_every_supported_python(python):
    pinned = pins(python)
    assert len(pinned) == len(set(pinned))
    extras = PROJECT["optional-dependencies"].values()
    for requirement in [*PROJECT["dependencies"], *(name for extra in extras for name in extra)]:
        assert constraints.key(requirement) in pinned


@pytest.mark.parametrize("python", constraints.PYTHONS)
@pytest.mark.parametrize("first", range(3))
@pytest.mark.parametrize("count", range(1, 4))
def test_a_marker_is_true_for_the_pythons_it_was_written_for_and_no_others(python, first, count):
    chosen = constraints.PYTHONS[first : first + count]
    marker = constraints.marker_for(chosen).removeprefix(" ; ")
    expected = python in chosen
    assert constraints.holds(marker, python) == expected
    if marker:
        assert Marker(marker).evaluate({"python_version": python}) == expected


def test_renewing_the_pins_changes_only_lines_of_the_python_that_runs(tmp_path, monkeypatch):
    here = f"3.{sys.version_info.minor}"
    others = [python for python in constraints.PYTHONS if python != here]
    file = tmp_path / "constraints.txt"
    file.write_text("# A heading.\npytest==0.1  # a reason\nabsent==1.0\n")
    monkeypatch.setattr(constraints, "FILE", file)
    constraints.main()
    lines = file.read_text().splitlines()
    assert lines[0] == "# A heading."
    matches = [constraints.LINE.fullmatch(line).groups() for line in lines[1:]]
    versions = {
        python: [
            v for name, v, m, _ in matches if name == "pytest" and constraints.holds(m, python)
        ]
        for python in constraints.PYTHONS
    }
    assert versions == {here: [pytest.__version__], **{python: ["0.1"] for python in others}}
    assert {comment for name, _, _, comment in matches if name == "pytest"} == {"a reason"}
    absent = [m for name, _, m, _ in matches if name == "absent"]
    assert [
        python
        for python in constraints.PYTHONS
        if any(constraints.holds(m, python) for m in absent)
    ] == others


@pytest.mark.parametrize("python", constraints.PYTHONS)
def test_a_supported_python_is_named(python):
    answer = check_python(python.replace(".", ", "))
    assert (answer.returncode, answer.stdout, answer.stderr) == (0, f"{python}\n", "")


@pytest.mark.parametrize(
    ("version", "because"),
    [
        ("3, 14", ", for which pythia8mc 8.317.2 and immutables 0.21 have no wheels"),
        ("3, 9", ""),
        ("4, 12", ""),
    ],
)
def test_another_python_is_refused_in_one_message_that_says_what_to_do(version, because):
    answer = check_python(version, "head")
    assert answer.returncode == 2
    assert answer.stdout == ""
    assert answer.stderr == (
        f"head: {sys.executable} is Python {version.replace(', ', '.')}{because}; "
        "name a Python 3.11, 3.12 or 3.13 with PYTHON=/path/to/python3.13\n"
    )


def test_the_message_about_3_14_names_the_versions_that_are_pinned():
    answer = check_python("3, 14")
    for name, version in re.findall(
        r"(\w+) ([\d.]+)", answer.stderr.split("for which")[1].split(";")[0]
    ):
        assert any(line.split("  #")[0] == f"{name}=={version}" for line in LINES)
