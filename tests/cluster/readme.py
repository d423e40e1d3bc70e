"""The commands of README.md for a first run on a cluster, as a user copies them."""

import re

from tests.checkout import CHECKOUT


def commands() -> list[str]:
    """Return the lines of the first block in "On a cluster", without their comments."""
    section = (CHECKOUT / "README.md").read_text().split("## On a cluster\n")[1]
    block = re.search(r"\n\n((?: {4}.+\n)+)\n", section).group(1)
    return [line.split(" #")[0].strip() for line in block.splitlines()]
