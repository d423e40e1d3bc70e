"""The documents a person reads: nothing left to fill in, and no link that leads nowhere."""

import re
import subprocess

import pytest

from tests.checkout import CHECKOUT

PAGES = sorted(path for path in CHECKOUT.glob("*.md")) + sorted(CHECKOUT.glob("docs/**/*.md"))
TREE_LINE = re.compile(r"^( {4}(?: {2})?)([\w./ ]+?)(?: {2,}|$)")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_nothing_is_left_to_fill_in(page):
    assert not re.search(r"@@|TODO|FIXME", page.read_text())


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_to_a_file_leads_to_one(page):
    links = re.findall(r"\]\((?!https?:)([^)#]+)", page.read_text())
    missing = [link for link in links if not (page.parent / link).exists()]
    assert missing == []


def test_the_tree_in_the_readme_names_what_is_there():
    """Every name of the tree exists, and every room of the top level is in the tree."""
    tree = (CHECKOUT / "README.md").read_text().split("## The tree\n")[1].split("## ")[0]
    folder, named = "", []
    for line in (line for line in tree.splitlines() if line.startswith("    ")):
        indent, names = TREE_LINE.match(line).groups()
        inside = folder if len(indent) > 4 else ""
        named += [f"{inside}{name}".rstrip("/") for name in names.split()]
        folder = names if len(indent) == 4 else folder
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=CHECKOUT, capture_output=True, text=True, check=True)
    rooms = {name.split("/")[0] for name in listed.stdout.splitlines() if "/" in name}
    rooms = {room for room in rooms if not room.startswith(".")} | {"Makefile", "Snakefile"}
    assert [name for name in named if not (CHECKOUT / name).exists()] == []
    assert rooms <= {name.split("/")[0] for name in named}
