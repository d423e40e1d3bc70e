"""CITATION.cff of the published folder: who made the results, and under which licence."""

import re
from collections.abc import Sequence
from datetime import date
from typing import NamedTuple

import yaml

from calobatch.config.scenario import Scenario
from calobatch.errors import UserError

ORCID = re.compile(r"\d{4}-\d{4}-\d{4}-\d{3}[\dX]")


class Author(NamedTuple):
    """A person who made the results; ``orcid`` and ``affiliation`` may be empty."""

    name: str
    orcid: str = ""
    affiliation: str = ""

    @property
    def orcid_address(self) -> str:
        """The ORCID iD as an address, or an empty text."""
        return f"https://orcid.org/{self.orcid}" if self.orcid else ""


def read_author(text: str) -> Author:
    """Return the author that ``text`` names, as "Name", "Name; ORCID" or "Name; ORCID; institute".

    Raises UserError if there is no name, if the ORCID iD has another form, or if there is more.
    """
    name, *rest = (part.strip() for part in text.split(";"))
    orcid, affiliation, *more = (*rest, "", "")
    orcid = orcid.rstrip("/").rpartition("/")[2]
    if not name or any(more) or (orcid and not ORCID.fullmatch(orcid)):
        raise UserError(
            f"--author {text!r}: write the name, and if you like the ORCID iD and the institute "
            'after semicolons, as in "Ada Lovelace; 0000-0002-1825-0097; University of London"'
        )
    return Author(name, orcid, affiliation)


def citation(scenario: Scenario, authors: Sequence[Author], licence: str, today: date) -> str:
    """Return the file as text, in the Citation File Format 1.2.0."""
    persons = [
        {"name": author.name}
        | ({"orcid": author.orcid_address} if author.orcid else {})
        | ({"affiliation": author.affiliation} if author.affiliation else {})
        for author in authors
    ]
    content = {
        "cff-version": "1.2.0",
        "message": "If you use these results, please cite them as below.",
        "type": "dataset",
        "title": f"{scenario.title} (results of calobatch)",
        "authors": persons,
        "date-released": today,
        "license": licence,
    }
    return yaml.safe_dump(content, sort_keys=False, allow_unicode=True)
