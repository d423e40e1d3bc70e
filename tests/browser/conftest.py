"""Pages of MLflow and of the report in Chromium.

Every page is watched: an error on its console, or a request to another machine, fails the test. If
this machine has no Chromium, the tests are skipped with the reason; with
CALOBATCH_REQUIRE_BROWSER=1 they fail instead. `--screenshots FOLDER` keeps pictures of all pages.
"""

import asyncio
import os
from contextlib import ExitStack
from pathlib import Path

import pytest

from calobatch.collect.collect import collect
from calobatch.tracking.ui import HERE, first_page, free_port, serving
from tests.browser.watched import DESKTOP, Watched, chromium
from tests.trained_scenario import runs, scenario

__all__ = ["runs", "scenario"]


def pytest_addoption(parser):
    parser.addoption("--screenshots", type=Path, help="folder for pictures of all pages")


# Playwright keeps an event loop running in this thread until it is closed, and no test of another
# file could start its own: the browser is opened for each file of tests.
@pytest.fixture(scope="module")
def browser():
    with chromium() as opened:
        if opened is None:
            reason = "there is no chromium; install the package chromium"
            if os.environ.get("CALOBATCH_REQUIRE_BROWSER"):
                pytest.fail(reason)
            pytest.skip(reason)
        yield opened
    asyncio.run(asyncio.sleep(0))  # fails if the loop still runs


@pytest.fixture
def open_page(browser, request):
    """A function that returns a watched page; at the end, no page may have had a fault."""
    opened = []

    def new(**options):
        folder = request.config.getoption("--screenshots", default=None)
        opened.append(Watched(browser, folder, **({"viewport": DESKTOP} | options)))
        return opened[-1]

    yield new
    for watched in opened:
        watched.page.context.close()
        assert not watched.faults


@pytest.fixture(scope="session")
def mlflow_pages(scenario, runs, tmp_path_factory):
    """The address of MLflow's pages, as `calobatch ui` serves them, of a collected scenario."""
    folder = tmp_path_factory.mktemp("ui")
    with ExitStack() as stack:
        with pytest.MonkeyPatch.context() as patched:
            patched.chdir(folder)  # artifacts lie beside the database
            collect(scenario, runs, f"sqlite:///{folder}/mlflow.db", folder / "leaderboard.csv")
            port = free_port()
            stack.enter_context(serving("sqlite:///mlflow.db", port))
        yield f"http://{HERE}:{port}/{first_page(str(folder / 'mlflow.db'))}"
