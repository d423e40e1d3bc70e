"""Make the pictures of the README from a run of a scenario in a copy of this checkout.

`python -m tests.browser.pictures quickstart docs/pictures` writes run.png and watch.png, which show
the terminal while the scenario runs, and then report.png and mlflow.png. As in the tests, an error
on a page or a request to another machine ends it.
"""

import os
import re
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

from playwright.sync_api import Browser

from calobatch.tracking.ui import HERE, first_page, free_port, serving
from calobatch.watch.training import State
from tests.browser.terminal import Terminal, drawn
from tests.browser.watched import Watched, chromium
from tests.checkout import Workflow

# The report from its head to the end of its first plots, and the first rows of MLflow's table.
SECONDS_TO_DRAW = 5  # the cells of MLflow's table
REPORT, MLFLOW = {"width": 1280, "height": 2450}, {"width": 1400, "height": 560}
TERMINAL_WIDTH = 1100
SECONDS_BETWEEN_LOOKS = 5
# In the last column of `calobatch watch`, for example "25 s" or "12 min 5 s".
TIME_LEFT = re.compile(r"\b[1-9]\d* (s|min|h)\b")


def main(scenario: str, folder: Path) -> None:
    """Write all pictures to ``folder``."""
    with chromium() as browser, TemporaryDirectory() as copy:
        if browser is None:
            sys.exit("pictures: there is no chromium; install the package chromium")
        place = Workflow(Path(copy)).folder
        shown = run(scenario, place)
        faults = [
            *(fault for name in shown for fault in terminal(browser, folder, name, *shown[name])),
            *report(browser, folder, place / "results" / scenario / "report.html"),
            *mlflow(browser, folder, place / "mlflow.db"),
        ]
        if faults:
            sys.exit("\n".join(faults))


def run(scenario: str, place: Path) -> dict[str, tuple[str, str]]:
    """Run a scenario; return the commands and what they showed, by the names of their pictures.

    Both show the same moment, the one with the most to see: a training has some time left, and the
    trainings are in as many different states as ever. Of such moments, it is the last one.
    """
    environment = {
        **os.environ,
        "PYTHONPATH": str(place / "src"),
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
    }
    command = f"snakemake --profile cluster/local --config scenario={scenario}"
    head = Terminal(command.split(), place, environment)
    shown, most = ("", ""), (False, 0)
    while head.running:
        time.sleep(SECONDS_BETWEEN_LOOKS)
        watch = Terminal(["calobatch.cli", "watch", scenario, "--once"], place, environment)
        now = head.text, watch.end()
        seen = [state for state in State if state in now[1]]
        if (rank := (bool(TIME_LEFT.search(now[1])), len(seen))) >= most:
            shown, most = now, rank
    head.end()
    return {"run": (command, shown[0]), "watch": (f"calobatch watch {scenario}", shown[1])}


def terminal(browser: Browser, folder: Path, name: str, title: str, text: str) -> list[str]:
    """Write the picture of a terminal; return the faults of its page."""
    watched = Watched(browser, folder, viewport={"width": TERMINAL_WIDTH, "height": 100})
    watched.page.set_content(f'<body style="margin:0">{drawn(title, text)}</body>')
    watched.picture(name, full_page=True)
    return watched.faults


def report(browser: Browser, folder: Path, page: Path) -> list[str]:
    """Write the picture of the report; return the faults of its page."""
    watched = Watched(browser, folder, viewport=REPORT)
    watched.page.goto(page.resolve().as_uri())
    watched.picture("report")
    return watched.faults


def mlflow(browser: Browser, folder: Path, database: Path) -> list[str]:
    """Write the picture of MLflow's table of runs; return the faults of its page."""
    port = free_port()
    with serving(f"sqlite:///{database}", port):
        watched = Watched(browser, folder, viewport=MLFLOW)
        watched.open_mlflow(f"http://{HERE}:{port}/{first_page(str(database))}")
        watched.page.get_by_role("gridcell").first.wait_for()
        watched.page.wait_for_timeout(SECONDS_TO_DRAW * 1000)
        watched.picture("mlflow")
    return watched.faults


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
