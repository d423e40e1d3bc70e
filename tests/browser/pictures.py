"""Make the pictures of the README from a scenario that has run in this folder.

`python -m tests.browser.pictures quickstart docs/pictures` writes report.png and mlflow.png. As in
the tests, an error on a page or a request to another machine ends it.
"""

import sys
from pathlib import Path

from calobatch.tracking.ui import HERE, first_page, free_port, serving
from tests.browser.watched import Watched, chromium

# The report from its head to the end of its first plots, and the first rows of MLflow's table.
SECONDS_TO_DRAW = 5  # the cells of MLflow's table
REPORT, MLFLOW = {"width": 1280, "height": 2010}, {"width": 1400, "height": 560}


def main(scenario: str, folder: Path) -> None:
    """Write both pictures to ``folder``."""
    page, database = Path("results", scenario, "report.html"), Path("mlflow.db")
    for needed in (page, database):
        if not needed.exists():
            sys.exit(f"pictures: {needed} does not exist; run the scenario {scenario} first")
    port = free_port()
    with chromium() as browser, serving(f"sqlite:///{database}", port):
        if browser is None:
            sys.exit("pictures: there is no chromium; install the package chromium")
        report = Watched(browser, folder, viewport=REPORT)
        report.page.goto(page.resolve().as_uri())
        report.picture("report")
        mlflow = Watched(browser, folder, viewport=MLFLOW)
        mlflow.open_mlflow(f"http://{HERE}:{port}/{first_page(str(database))}")
        mlflow.page.get_by_role("gridcell").first.wait_for()
        mlflow.page.wait_for_timeout(SECONDS_TO_DRAW * 1000)
        mlflow.picture("mlflow")
        if faults := report.faults + mlflow.faults:
            sys.exit("\n".join(faults))


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
