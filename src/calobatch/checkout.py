"""Where this copy of the repository is."""

import os
from pathlib import Path

# calobatch runs from a checkout, never from site-packages: the images have only its dependencies.
CHECKOUT = Path(__file__).resolve().parents[2]


def hand_down_code() -> None:
    """Make all processes that this one starts use the code of this checkout too.

    Otherwise `calobatch` would use the code of the folder that its environment was made for, and a
    copy of a checkout brings its environment along.
    """
    code = str(CHECKOUT / "src")
    paths = [code, *os.environ.get("PYTHONPATH", "").split(os.pathsep)]
    os.environ["PYTHONPATH"] = os.pathsep.join(dict.fromkeys(filter(None, paths)))
