"""The project folder: whether jobs can use its path, and what it links to elsewhere.

Images see only what is mounted into them. A link that leads out of the project works inside them
because its target is mounted at the same path. Links in a target are not followed, because it may
be a whole file system; what they lead to is named as `binds` in the site file.
"""

import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from calobatch import tracking_uri
from calobatch.errors import UserError
from calobatch.slurm.site import SITE_FILE

# Snakemake's SLURM plugin puts the path into a shell command without quoting it, and Apptainer and
# PATH separate paths by commas and colons. These characters are safe in all of them.
UNUSABLE = re.compile(r"[^\w/.+@=~-]")
# Folders of the project whose links jobs follow, and the number of levels below them that are
# searched: a file of data/<scenario>/raw/<dataset> is on level 4.
SEARCHED, LEVELS = ("config", "data", "logs", "results"), 4


class Link(NamedTuple):
    """A way out of the project: a link in it, or the variable that names the tracking store."""

    name: str
    target: Path

    @property
    def broken(self) -> str:
        """Why the target cannot be mounted, as a UserError's message; empty if it can be."""
        if not self.target.exists():
            return (
                f"{self.name} leads to {self.target}, which {os.uname().nodename} does not have; "
                f"make it, or correct {self.name}"
            )
        if set(":,") & set(str(self.target)):
            return (
                f"{self.name} leads to {self.target}, and Apptainer cannot mount a path with a "
                "colon or a comma; rename it"
            )
        return ""


def require_usable_folder(folder: Path) -> None:
    """Raise a UserError if jobs cannot run in ``folder``, or cannot reach what it links to."""
    if found := UNUSABLE.search(str(folder)):
        raise UserError(
            f"the path of the project, {folder}, contains {found.group()!r}, with which "
            "Snakemake's SLURM plugin cannot submit jobs; move the project to a path of letters, "
            "digits and . _ - + @ = ~"
        )
    for link in (*links_of_jobs(folder), *store_of_head(folder, os.environ)):
        if link.broken:
            raise UserError(link.broken)


def links_of_jobs(folder: Path) -> list[Link]:
    """Return the links of ``folder`` that lead out of it, except that of MLflow's store."""
    store = folder / tracking_uri.sqlite_file(tracking_uri.DEFAULT)
    places = [(folder, 0), *((folder / name, LEVELS) for name in SEARCHED)]
    return [
        link
        for place, levels in places
        for link in _links(place, levels, folder)
        if link.name != store.name
    ]


def store_of_head(folder: Path, environment: Mapping[str, str]) -> list[Link]:
    """Return the folder of MLflow's store, if it is outside of the project; else an empty list.

    Only the head process uses the store, so a compute node need not have it.
    """
    uri = environment.get(tracking_uri.VARIABLE, tracking_uri.DEFAULT)
    file = tracking_uri.sqlite_file(uri)
    kind, scheme, text = uri.partition("://")
    if scheme and kind != "file" and not file:
        return []  # a server
    # A path may be given without "file://".
    path = folder / (file or text or uri)
    if path.is_symlink():
        path = _target(path)
    # SQLite writes other files beside the store.
    where = path.parent if file else path
    name = tracking_uri.VARIABLE if tracking_uri.VARIABLE in environment else "mlflow.db"
    return [] if where.is_relative_to(folder) else [Link(name, where)]


def mounted(folder: Path, binds: Sequence[str], environment: Mapping[str, str]) -> list[str]:
    """Return what to mount into an image: the project, ``binds``, and what the project links to.

    A target that this machine does not have is left out.
    """
    found = [str(folder), *binds]
    inside = [Path(bind.split(":")[1] if ":" in bind else bind) for bind in found]
    for link in (*links_of_jobs(folder), *store_of_head(folder, environment)):
        if not link.broken and not any(link.target.is_relative_to(path) for path in inside):
            found.append(str(link.target))
            inside.append(link.target)
    return found


def require_visible(needed: Iterable[tuple[str, Path]], folder: Path, binds: Sequence[str]) -> None:
    """Raise a UserError if images do not see a path that the user names.

    Images see the project ``folder``, what it links to, and the ``binds`` of the site file.
    ``needed`` has the paths, each with what named it.
    """
    # A bind is written as PLACE, or as PLACE:PLACE_IN_THE_IMAGE with options after another colon.
    parts_of = [bind.split(":") for bind in mounted(folder, binds, os.environ)]
    visible = [parts[1] if len(parts) > 1 else parts[0] for parts in parts_of]
    for named, path in needed:
        if not any((folder / path).is_relative_to(place) for place in visible):
            raise UserError(
                f"{named}: jobs run in images, which do not see {path.parent}; make a link to it "
                f"in data/ and name that, or add it to binds in {SITE_FILE}"
            )


def _links(place: Path, levels: int, folder: Path) -> Iterator[Link]:
    """Find links below ``place`` that lead out of ``folder``; hidden ones are not for jobs."""
    try:
        entries = sorted(os.scandir(place), key=lambda entry: entry.name)
    except OSError:  # not there, or not a folder
        return
    if place != folder and place.is_symlink():
        return  # what is behind a link that is mounted is mounted too
    for entry in entries:
        if entry.name.startswith("."):
            continue
        path = Path(entry.path)
        if entry.is_symlink():
            target = _target(path)
            if not target.is_relative_to(folder):
                yield Link(str(path.relative_to(folder)), target)
        elif levels and entry.is_dir():
            yield from _links(path, levels - 1, folder)


def _target(link: Path) -> Path:
    """Return where a link leads, as it is written: inside an image that path must exist."""
    return Path(os.path.normpath(link.parent / link.readlink()))
