"""A pytest plugin for a Python without torch and Horovod: `pytest -p tests.without_torch`.

A test is skipped if it fails and torch or Horovod was imported meanwhile, in this process or in one
that it started. So every test that can run without them runs, and no list of tests has to be kept.
"""

import os
import re
import sys
import tempfile
from pathlib import Path

import hypothesis
import pytest

# These would take most of the time, and hardly depend on the version of Python: whole workflows and
# studies, the memory of pack processes, waiting for servers, a generator in C++, damaged files,
# commands of a cluster, pictures.
LEFT_OUT = (
    "workflow",
    "cluster",
    "benchmarks",
    "faults",
    "environment/test_image_definitions.py",
    "pack/test_pack_process.py",
    "simulate/jets/test_jets.py",
    "slurm/test_doctor.py",
    "slurm/test_patient.py",
    "test_history_plot.py",
    "test_plotting.py",
    "test_tour.py",
    "tracking/test_ui.py",
)
NAMES = ("torch", "horovod")
# A module that fails as if it did not exist, and leaves a note: what a process prints may be lost.
STAND_IN = """
with open({notes!r}, "a") as notes:
    print(__name__, file=notes)
raise ModuleNotFoundError(f"No module named {{__name__!r}}", name=__name__)
"""
FOLDER = Path(tempfile.mkdtemp(prefix="without_torch_"))
NOTES = FOLDER / "notes.txt"
# Errors that followed a note. A shared fixture fails once, with a note, and then raises the same
# error in each of its tests.
ERRORS: list[BaseException] = []
# An error shows what a process printed with its quotes escaped.
ABSENT = re.compile(rf"No module named \\?'({'|'.join(NAMES)})")


def pytest_configure():
    """Put the stand-ins first on the path, for this process and for all that tests start."""
    NOTES.touch()
    for name in NAMES:
        (FOLDER / f"{name}.py").write_text(STAND_IN.format(notes=str(NOTES)))
    sys.path.insert(0, str(FOLDER))
    paths = [str(FOLDER), *filter(None, [os.environ.get("PYTHONPATH")])]
    os.environ["PYTHONPATH"] = os.pathsep.join(paths)
    # Where all tests run, these tests try 100 examples. Here several Pythons are
    # tested at once, so an example may also wait longer for a core than the 200 ms of hypothesis.
    hypothesis.settings.register_profile("quick", max_examples=10, deadline=None)
    hypothesis.settings.load_profile("quick")


def pytest_ignore_collect(collection_path, config):
    """Leave out what `LEFT_OUT` names."""
    tests = config.rootpath / "tests"
    return True if collection_path in [tests / name for name in LEFT_OUT] else None


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(collector):
    """Skip a test file that imports torch, directly or through the code that it tests."""
    report = yield
    return _skipped(report, collector.path, 0) if report.failed else report


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item):
    """Note how many imports were tried before this test."""
    item.notes_before = NOTES.stat().st_size
    return (yield)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    """Skip a test that fails after an import of torch was tried."""
    report = yield
    if not report.failed:
        return report
    error = call.excinfo.value
    sure = NOTES.stat().st_size > item.notes_before or any(error is known for known in ERRORS)
    if sure:
        ERRORS.append(error)
    return _skipped(report, item.path, item.location[1], sure=sure)


def _skipped(report, path, line, sure=False):
    if sure or ABSENT.search(str(report.longrepr)):
        report.outcome = "skipped"
        report.longrepr = (str(path), line, "Skipped: needs torch or Horovod")
    return report
