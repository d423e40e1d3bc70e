import re

from calobatch.plotting import BLUE, new_figure
from calobatch.report.embed import svg
from tests.report.page import read_page


def drawing(name: str) -> str:
    figure = new_figure("A title", simulated=True)
    figure.add_subplot().plot([0, 1], [0, 1], "o", color=BLUE)
    return svg(figure, name, "rises < falls")


def test_a_figure_takes_the_colours_of_the_page():
    text = drawing("a")
    assert "currentColor" in text
    assert "#000000" not in text
    assert BLUE.lower() in text.lower()
    assert not re.search(r"fill: ?#ffffff", text)


def test_figures_of_different_names_share_no_identifier():
    first, second = (set(re.findall(r'id="([^"]*)"', drawing(name))) for name in "ab")
    assert first
    assert not first & second


def test_a_figure_is_the_same_every_time():
    assert drawing("a") == drawing("a")


def test_a_figure_is_one_element_that_says_what_it_shows():
    (element,) = read_page(drawing("a").strip()).inside
    assert element.tag == "svg"
    assert element.all("title")[0].text == "rises < falls"
    assert not element.all("style")
