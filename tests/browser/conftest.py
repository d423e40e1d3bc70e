"""Chromium, and pages of MLflow and of the report in it.

Every page is watched: an error on its console, or a request to another machine, fails the test. If
this machine has no Chromium, the tests are skipped with the reason; with
CALOBATCH_REQUIRE_BROWSER=1 they fail instead. `--screenshots FOLDER` keeps pictures of all pages.
"""

import asyncio
import os
import shutil
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import sync_playwright

from calobatch.collect.collect import collect
from calobatch.tracking.ui import HERE, first_page, free_port, serving
from tests.trained_scenario import runs, scenario

__all__ = ["runs", "scenario"]

DESKTOP, PHONE = {"width": 1280, "height": 900}, {"width": 390, "height": 844}
# MLflow's page asks who the user is, also of a server without users. Browsers say the other if a
# part of a page changes its size while it is drawn.
HARMLESS = ("/mlflow/users/current", "ResizeObserver loop")


def pytest_addoption(parser):
    parser.addoption("--screenshots", type=Path, help="folder for pictures of all pages")


# Playwright keeps an event loop running in this thread until it is closed, and no test of another
# file could start its own: the browser is opened for each file of tests.
@pytest.fixture(scope="module")
def chromium():
    program = shutil.which("chromium")
    if not program:
        reason = "there is no chromium; install the package chromium"
        if os.environ.get("CALOBATCH_REQUIRE_BROWSER"):
            pytest.fail(reason)
        pytest.skip(reason)
    with sync_playwright() as playwright:
        # Chromium's own sandbox does not work for root, nor in most containers.
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        yield browser
        browser.close()
    asyncio.run(asyncio.sleep(0))  # fails if the loop still runs


class Watched:
    """A page whose errors and outside requests are collected."""

    def __init__(self, browser, screenshots, **options):
        self.page = browser.new_context(**options).new_page()
        self.faults = []
        self._screenshots = screenshots
        self.page.on("console", self._heard)
        self.page.on("pageerror", lambda error: self.faults.append(f"error: {error}"))
        self.page.on("request", self._requested)

    def _heard(self, message):
        said = f"{message.text} ({message.location.get('url')})"
        if message.type == "error" and not any(harmless in said for harmless in HARMLESS):
            self.faults.append(f"console: {said}")

    def _requested(self, request):
        address = urlsplit(request.url)
        if address.scheme in ("http", "https") and address.hostname != "127.0.0.1":
            self.faults.append(f"request to {request.url}")

    def picture(self, name, **options):
        """Keep a picture of the page if the user asked for pictures."""
        if self._screenshots:
            self._screenshots.mkdir(parents=True, exist_ok=True)
            self.page.screenshot(path=self._screenshots / f"{name}.png", **options)


@pytest.fixture
def open_page(chromium, request):
    """A function that returns a watched page; at the end, no page may have had a fault."""
    opened = []

    def new(**options):
        folder = request.config.getoption("--screenshots", default=None)
        opened.append(Watched(chromium, folder, **({"viewport": DESKTOP} | options)))
        return opened[-1]

    yield new
    for watched in opened:
        watched.page.context.close()
        assert not watched.faults


@pytest.fixture(scope="session")
def mlflow_pages(scenario, runs, tmp_path_factory):
    """The address of MLflow's pages, as `calobatch ui` serves them, of a collected scenario."""
    folder = tmp_path_factory.mktemp("ui")
    with pytest.MonkeyPatch.context() as patched:
        patched.chdir(folder)
        collect(scenario, runs, f"sqlite:///{folder}/mlflow.db", folder / "leaderboard.csv")
        port = free_port()
        with serving("sqlite:///mlflow.db", port):
            yield f"http://{HERE}:{port}/{first_page(str(folder / 'mlflow.db'))}"
