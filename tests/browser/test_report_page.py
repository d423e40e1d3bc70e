"""The report in a browser: wide and narrow, light and dark, printed, and sorted."""

import pytest

from calobatch.evaluate.evaluate import evaluate
from calobatch.run.folder import read_run
from calobatch.run.leaderboard_of_runs import write_leaderboard
from calobatch.train.train import train
from tests.browser.watched import DESKTOP, PHONE
from tests.small_results import html, results, scenario, stores

__all__ = ["html", "results", "scenario", "stores"]


@pytest.fixture(scope="module")
def address(html, tmp_path_factory):
    path = tmp_path_factory.mktemp("report") / "report.html"
    path.write_text(html, encoding="utf-8")
    return path.as_uri()


@pytest.fixture(scope="module")
def several_tasks(results, stores, tmp_path_factory):
    """The page when a second task of one dataset has run too."""
    folder = tmp_path_factory.mktemp("several")
    run = folder / "later" / "seed3"
    train("later", results.scenario.tasks["later"].training(), 3, stores["electron_photon"], run)
    evaluate(run)
    runs = [*results.runs, run]
    read = [read_run(run) for run in runs]
    board = folder / "leaderboard.csv"
    write_leaderboard(results.scenario, read, {run.record.name: "id" for run in read}, board)
    path = folder / "report.html"
    results._replace(runs=runs, leaderboard=board).page(path)
    return path.as_uri()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(("name", "viewport"), [("desktop", DESKTOP), ("phone", PHONE)])
def test_the_page_fits_its_window_and_shows_every_picture(
    open_page, address, name, viewport, scheme
):
    watched = open_page(viewport=viewport, color_scheme=scheme)
    page = watched.page
    page.goto(address)
    watched.picture(f"report_{name}_{scheme}", full_page=True)
    assert page.evaluate("document.documentElement.scrollWidth") <= viewport["width"]
    pictures = page.locator("img").all()
    assert pictures
    for picture in pictures:
        assert picture.evaluate("image => image.naturalWidth") > 0
    background = page.evaluate("getComputedStyle(document.body).backgroundColor")
    lightness = sum(int(part) for part in background.strip("rgba()").split(",")[:3]) / 3
    assert (lightness < 100) == (scheme == "dark")


def test_every_link_of_the_page_leads_to_a_section(open_page, address):
    page = open_page().page
    page.goto(address)
    for link in page.locator("nav a").all():
        target = link.get_attribute("href").removeprefix("#")
        assert page.locator(f"[id='{target}']").count() == 1


def test_it_can_be_printed(open_page, address, tmp_path):
    watched = open_page()
    watched.page.goto(address)
    watched.page.emulate_media(media="print")
    assert not watched.page.locator("nav").is_visible()
    watched.picture("report_print", full_page=True)
    printed = watched.page.pdf(format="A4")
    assert printed.startswith(b"%PDF")


def sorted_by(page, column):
    """Press the head of a column, and return its numbers of the tasks, from the top."""
    head = page.locator("table.leaderboard thead th", has_text=column).first
    head.get_by_role("button").click()
    number = head.evaluate("head => head.cellIndex")
    # Tasks are sorted within their dataset; this is the first one.
    rows = page.locator(".leaderboard tbody").first.locator("tr.task")
    cells = rows.locator(f"> :nth-child({number + 1})").all_text_contents()
    return head.get_attribute("aria-sort"), cells


def test_the_leaderboard_is_sorted_by_the_column_that_is_pressed(open_page, several_tasks):
    page = open_page().page
    page.goto(several_tasks)
    order, falling = sorted_by(page, "Test AUC")
    assert order == "descending"
    values = [float(text.strip()[:6]) for text in falling]
    assert values == sorted(values, reverse=True)
    order, rising = sorted_by(page, "Test AUC")
    assert order == "ascending"
    assert rising == falling[::-1]
    order, names = sorted_by(page, "Task")
    assert order == "ascending"
    assert names == sorted(names)


def test_seeds_stay_below_their_task(open_page, address):
    page = open_page().page
    page.goto(address)
    sorted_by(page, "Test AUC")
    heads = page.locator(".leaderboard tbody").first.locator("tr > th:first-child")
    names = [text.split() for text in heads.all_text_contents()]
    assert [" ".join(name[:2]) for name in names][2:] == ["seed 3", "seed 5"]
