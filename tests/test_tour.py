"""docs/tour.md names what exists, and its picture shows the imports of the code."""

import ast
import re

import pytest

from benchmarks import rooms
from tests.checkout import CHECKOUT

PAGE = CHECKOUT / "docs" / "tour.md"
NAMED = re.compile(r"\[`([\w.]+)`\s+in\s+([\w/.]+)\]\(([^)]+)\)")
STEPS = sorted(set(NAMED.findall(PAGE.read_text())))
MOST_LINES = 130


def definitions(tree, prefix=""):
    """Return the dotted names of all classes, functions and methods."""
    names = set()
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.ClassDef | ast.FunctionDef):
            names |= {prefix + node.name} | definitions(node, f"{prefix}{node.name}.")
    return names


@pytest.mark.parametrize(("name", "file", "link"), STEPS, ids=lambda part: part.split("/")[-1])
def test_every_function_of_the_tour_is_in_the_file_that_it_links_to(name, file, link):
    path = (PAGE.parent / link).resolve()
    assert path.is_relative_to(CHECKOUT)
    assert path.as_posix().endswith(f"/{file}")
    if path.suffix == ".smk":
        assert f"rule {name}:" in path.read_text()
    else:
        assert name in definitions(ast.parse(path.read_text()))


def test_every_stage_is_on_the_tour():
    files = {link for _, _, link in STEPS}
    assert {f"../src/calobatch/{stage}/{stage}.py" for stage in rooms.STAGES} <= files


def test_every_link_resolves():
    links = re.findall(r"\]\(([^)]+)\)", PAGE.read_text())
    assert len(links) > len(STEPS)
    assert [link for link in links if not (PAGE.parent / link).exists()] == []


def test_the_tour_is_short():
    assert len(PAGE.read_text().splitlines()) <= MOST_LINES


def test_no_arrow_joins_two_stages():
    arrows = rooms.arrows(rooms.imports())
    between = {arrow for arrow in arrows if set(arrow) <= set(rooms.STAGES)}
    assert not between
    assert {("pack", "store"), ("train", "store"), ("train", "run"), ("evaluate", "run")} <= arrows


def test_the_contracts_import_no_stage():
    arrows = rooms.arrows(rooms.imports())
    assert {imported for room, imported in arrows if room in ("store", "run")} == {"store"}


def test_an_arrow_goes_through_helpers_to_the_rooms_behind_them():
    found = {"train": {"launch", "errors"}, "launch": {"communicator"}, "errors": set(),
             "communicator": {"errors"}, "store": {"config"}, "config": set()}  # fmt: skip
    assert rooms.arrows(found) == {("train", "communicator")}
    assert rooms.helpers(found) == ["errors"]


def test_every_room_and_arrow_has_its_place_in_the_picture():
    found = rooms.imports()
    assert rooms.draw(found).axes[0].texts
    assert set(rooms.BOXES) == rooms.rooms(found) - {rooms.TOP, rooms.BOTTOM}
    assert set(rooms.ROUTES) <= rooms.arrows(found)
