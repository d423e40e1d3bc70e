"""The page on how hard simulated crops are says what the results say."""

import shutil

import numpy as np
import pytest

from benchmarks.simulation.difficulty import PUBLISHED_EVENTS, SCENARIO, Row, write_page
from calobatch.checkout import CHECKOUT
from calobatch.config.load import load_scenario
from calobatch.config.scenario import Scenario
from calobatch.config.subsets import whole_tasks
from calobatch.errors import UserError
from calobatch.evaluate.evaluate import evaluate
from calobatch.report.learning_curves import LearningCurve, Point
from calobatch.report.power_law import fitted_power_law
from calobatch.run.folder import read_run
from calobatch.train.train import train
from tests.trained_scenario import TASK, runs, scenario

__all__ = ["runs", "scenario"]

PUBLISHED = 0.8
SIZES = (60, 90)


@pytest.fixture
def sizes():
    """The scenario of the tests, with its task also on fewer training events."""
    task = TASK | {"reference_auc": {"test": PUBLISHED}}
    smaller = {f"crops_{size}": task | {"training_events": size} for size in SIZES}
    return Scenario.model_validate(
        {
            "name": "tests",
            "title": "For the tests",
            "datasets": {"electron_photon": {"source": "simulate", "events": 200}},
            "tasks": smaller | {"crops": task},
        }
    )


def test_the_page_has_the_auc_for_each_number_of_events(sizes, runs, tmp_path):
    results = tmp_path / "results"
    shutil.copytree(runs[0], results / "crops" / "seed1")
    for name in (f"crops_{size}" for size in SIZES):
        output = results / name / "seed1"
        train(name, sizes.tasks[name].training(), 1, runs[0].parents[1] / "store", output)
        evaluate(output)
    write_page(sizes, results, tmp_path / "page")
    text = (tmp_path / "page" / "difficulty.md").read_text()
    (row,) = (line for line in text.splitlines() if line.startswith("| `crops`"))
    cells = [cell.strip() for cell in row.split("|")]
    for cell, name in zip(cells[2:5], (*(f"crops_{size}" for size in SIZES), "crops"), strict=True):
        auc = read_run(results / name / "seed1").metrics.splits["test"].auc
        assert cell.startswith(f"{auc:.3f} ± ")
    assert cells[6] == f"{PUBLISHED:.3f}"
    assert (tmp_path / "page" / "difficulty.png").read_bytes().startswith(b"\x89PNG")


def test_a_missing_run_is_refused(sizes, tmp_path):
    with pytest.raises(UserError, match=r"crops_60/seed1 has no run\.json"):
        write_page(sizes, tmp_path, tmp_path / "page")
    assert not (tmp_path / "page").exists()


def test_the_forecast_is_for_the_published_number_of_events():
    events = (5_000, 20_000, 80_000)
    aucs = [0.85 - 0.2 * (number / 5_000) ** -0.4 for number in events]
    points = tuple(Point(number, auc, 0.002) for number, auc in zip(events, aucs, strict=True))
    law = fitted_power_law(events, aucs, [0.002] * 3)
    expected = 0.85 - 0.2 * (PUBLISHED_EVENTS / 5_000) ** -0.4
    _, error = law.at(np.array(PUBLISHED_EVENTS))
    cells = Row(LearningCurve("crops", True, points, law), PUBLISHED).cells()
    assert cells[4] == f"{expected:.3f} ± {float(error):.3f}"
    assert cells[6] == f"{expected - PUBLISHED:+.3f}"
    straight = fitted_power_law(events, (0.6, 0.7, 0.8), [0.002] * 3)
    assert Row(LearningCurve("crops", True, points, straight), PUBLISHED).cells()[4].endswith(r"\*")
    without = Row(LearningCurve("crops", True, points, None), PUBLISHED).cells()
    assert without[4] == without[6] == "none"


def test_the_published_auc_of_every_network_of_the_scenario_is_known():
    tasks = load_scenario(SCENARIO, folder=CHECKOUT / "config").tasks
    assert all("test" in tasks[whole].reference_auc for whole in whole_tasks(tasks).values())
