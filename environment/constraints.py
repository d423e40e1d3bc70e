"""Write the versions installed here into environment/constraints.txt, for this Python's version.

    python environment/constraints.py

A line without a marker holds for every supported Python. Where versions differ, each line has a
marker, and this program renews only what concerns the Python that runs it:

    numpy==2.4.6 ; python_version < "3.12"
    numpy==2.5.5 ; python_version >= "3.12"

A comment after a line stays as long as a line of that package does. A package that is not installed
here is removed for this Python. Packages of torch's CUDA build belong to constraints-cuda.txt.
"""

import re
import sys
from importlib.metadata import distributions
from itertools import groupby
from pathlib import Path

FOLDER = Path(__file__).resolve().parent
FILE = FOLDER / "constraints.txt"
LINE = re.compile(
    r"(?P<name>[\w.-]+)==(?P<version>[^ ;]+)(?: ; (?P<marker>[^#]*?))?(?:  # (?P<comment>.*))?"
)
LOWEST, ABOVE = map(
    int,
    re.search(
        r'requires-python = ">=3\.(\d+),<3\.(\d+)"', (FOLDER.parent / "pyproject.toml").read_text()
    ).groups(),
)
PYTHONS = [f"3.{minor}" for minor in range(LOWEST, ABOVE)]


def key(name: str) -> str:
    """Return a package's name as the index compares it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def holds(marker: str | None, python: str) -> bool:
    """Return whether a marker written by `marker_for` is true for a Python such as "3.12"."""
    if not marker:
        return True
    operator, version = re.fullmatch(r'python_version (<|==|>=) "([\d.]+)"', marker).groups()
    here, there = PYTHONS.index(python), PYTHONS.index(version)
    return {"<": here < there, "==": here == there, ">=": here >= there}[operator]


def marker_for(pythons: list[str]) -> str:
    """Return the marker that is true for these neighbouring Pythons and no others."""
    first, last = pythons[0], pythons[-1]
    if pythons == PYTHONS:
        return ""
    if first == last and first not in (PYTHONS[0], PYTHONS[-1]):
        return f' ; python_version == "{first}"'
    if first == PYTHONS[0]:
        return f' ; python_version < "{PYTHONS[PYTHONS.index(last) + 1]}"'
    return f' ; python_version >= "{first}"'


def main() -> None:
    """Renew the file."""
    here = f"3.{sys.version_info.minor}"
    lines = FILE.read_text().splitlines()
    heading = [line for line in lines if line.startswith("#")]
    names: dict[str, str] = {}
    comments: dict[str, str] = {}
    pins: dict[str, dict[str, str]] = {}  # package -> Python -> version
    for line in lines:
        if line and not line.startswith("#"):
            name, version, marker, comment = LINE.fullmatch(line).groups()
            names[key(name)] = name
            if comment:
                comments[key(name)] = comment
            for python in PYTHONS:
                if holds(marker, python):
                    pins.setdefault(key(name), {})[python] = version
    of_cuda = (FOLDER / "constraints-cuda.txt").read_text().splitlines()
    elsewhere = {"pip", "calobatch", *(key(line.split("==")[0]) for line in of_cuda)}
    for versions in pins.values():
        versions.pop(here, None)
    for package in distributions():
        name = package.metadata["Name"]
        if key(name) not in elsewhere:
            names.setdefault(key(name), name)
            # What follows a plus names a build, for instance torch 2.13.0+cpu; the pin is for all.
            pins.setdefault(key(name), {})[here] = package.version.split("+")[0]
    renewed = heading
    for package in sorted(pins, key=lambda each: names[each].lower()):
        comment = f"  # {comments[package]}" if package in comments else ""
        for version, pythons in groupby(PYTHONS, key=pins[package].get):
            if version:
                renewed.append(f"{names[package]}=={version}{marker_for(list(pythons))}{comment}")
    FILE.write_text("\n".join(renewed) + "\n")


if __name__ == "__main__":
    main()
