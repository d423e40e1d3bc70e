"""Read a layout: a file of config/layouts that says what a kind of dataset looks like."""

from functools import cache
from pathlib import Path
from typing import Any

from calobatch.checkout import CHECKOUT
from calobatch.config.explain import closest_to, validated
from calobatch.config.plain_yaml import read_yaml
from calobatch.errors import UserError
from calobatch.layouts import Layout

# The folder of layouts, in that of the configuration. Stores and runs are read everywhere, so by
# default it is not looked for in the current folder.
LAYOUTS = "layouts"
FOLDER = CHECKOUT / "config" / LAYOUTS


@cache
def read_layout(name: str, folder: Path = FOLDER) -> Layout:
    """Read and check the layout ``name``.

    Raises UserError, which names each wrong key and how to fix it, or lists the known layouts.
    """
    path = folder / f"{name}.yaml"
    if not path.is_file():
        raise UserError(
            f"unknown layout {name!r} ({path} does not exist)"
            f"{closest_to(name, (known.stem for known in folder.glob('*.yaml')))}"
        )
    content = read_yaml(path)
    if content.setdefault("name", name) != name:
        raise UserError(f"{path}: name: a layout has the name of its file; remove the key")
    return validated(Layout, content, str(path))


def by_name(layout: Any) -> Any:
    """Return the layout of this name, or what is no name unchanged.

    Records of versions before 0.3 have the names of their layouts and nothing else.
    """
    return read_layout(layout) if isinstance(layout, str) else layout
