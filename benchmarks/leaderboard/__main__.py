"""Write the published leaderboard from the results of the scenario models.

make run SCENARIO=models
python -m benchmarks.leaderboard
"""

from pathlib import Path

from benchmarks.leaderboard.page import write_page
from calobatch.checkout import CHECKOUT
from calobatch.config.load import load_scenario
from calobatch.errors import exiting

SCENARIO = "models"

if __name__ == "__main__":
    with exiting():
        folder = CHECKOUT / "docs" / "leaderboard"
        write_page(load_scenario(SCENARIO), Path("results") / SCENARIO, folder)
        print(f"wrote {folder}")
