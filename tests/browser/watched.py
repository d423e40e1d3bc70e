"""Chromium, and pages in it whose errors and outside requests are collected."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

from playwright.sync_api import Browser, sync_playwright

DESKTOP, PHONE = {"width": 1280, "height": 900}, {"width": 390, "height": 844}
# MLflow's page asks who the user is, also of a server without users. Browsers say the other if a
# part of a page changes its size while it is drawn.
HARMLESS = ("/mlflow/users/current", "ResizeObserver loop")
MILLISECONDS = 60_000  # because MLflow's page is large and the machine may be busy


@contextmanager
def chromium() -> Iterator[Browser | None]:
    """Open Chromium; yield None if it is not installed."""
    program = shutil.which("chromium")
    if program is None:
        yield None
        return
    with sync_playwright() as playwright:
        # Chromium's own sandbox does not work for root, nor in most containers.
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        yield browser
        browser.close()


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

    def open_mlflow(self, address):
        """Open a page of MLflow, without the panel that it opens for new users."""
        self.page.set_default_timeout(MILLISECONDS)
        opened = "localStorage.setItem('mlflow.assistant.fab.autoOpenedOnFirstLoad_v1', 'true')"
        self.page.add_init_script(opened)
        self.page.goto(address)
