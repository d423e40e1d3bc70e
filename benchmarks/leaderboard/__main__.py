"""Write the page of a scenario from its results.

make run SCENARIO=models
python -m benchmarks.leaderboard models
"""

import argparse
from pathlib import Path

from benchmarks.leaderboard.page import write_page
from calobatch.checkout import CHECKOUT
from calobatch.config.load import load_scenario
from calobatch.errors import exiting

# What each page is about, by the name of its scenario.
ABOUT = {path.stem: path for path in (Path(__file__).parent / "about").glob("*.md")}

if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("scenario", choices=sorted(ABOUT))
    name = parser.parse_args().scenario
    with exiting():
        folder = CHECKOUT / "docs" / name
        write_page(load_scenario(name), Path("results") / name, ABOUT[name], folder)
        print(f"wrote {folder}")
