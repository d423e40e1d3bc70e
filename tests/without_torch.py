"""A pytest plugin for a Python that has no torch and no Horovod: `pytest -p tests.without_torch`.

A test is skipped if it fails because one of the two cannot be imported, in this process or in one
that it started. So every test that can run without them runs, and no list of tests has to be kept.
"""

import re

import pytest

# These start whole workflows, which train, and would take most of the time.
WHOLE_WORKFLOWS = ("workflow", "cluster")
ABSENT = re.compile(r"No module named '(torch|horovod)[.']|Horovod cannot be imported")


def pytest_ignore_collect(collection_path, config):
    """Leave out the folders of `WHOLE_WORKFLOWS`."""
    parent, name = collection_path.parent, collection_path.name
    return True if name in WHOLE_WORKFLOWS and parent == config.rootpath / "tests" else None


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(collector):
    """Skip a test file that imports torch, directly or through the code that it tests."""
    report = yield
    if report.failed and ABSENT.search(str(report.longrepr)):
        report.outcome = "skipped"
        report.longrepr = (str(collector.path), 0, "Skipped: needs torch")
    return report


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    """Skip a test whose failure names torch as what is missing."""
    report = yield
    if report.failed and ABSENT.search(f"{report.longrepr}{report.capstdout}{report.capstderr}"):
        report.outcome = "skipped"
        report.longrepr = (str(item.path), item.location[1], "Skipped: needs torch")
    return report
