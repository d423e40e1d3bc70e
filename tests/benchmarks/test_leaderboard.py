"""The published leaderboard says what the results say."""

import csv
import re
import shutil
from statistics import mean, median

import pytest

from benchmarks.leaderboard.__main__ import ABOUT
from benchmarks.leaderboard.page import write_page
from benchmarks.leaderboard.picture import picture_of
from benchmarks.leaderboard.rows import Row
from calobatch.checkout import CHECKOUT
from calobatch.config.load import load_scenario
from calobatch.ensemble.ensemble import ensemble
from calobatch.errors import UserError
from calobatch.evaluate.evaluate import evaluate
from calobatch.run.folder import read_run
from calobatch.run.leaderboard_of_runs import write_leaderboard
from tests.trained_scenario import runs, scenario

__all__ = ["runs", "scenario"]


@pytest.mark.parametrize("name", ABOUT)
def test_the_page_has_the_mean_auc_and_the_cost_of_a_task(scenario, runs, name, tmp_path):
    found = [read_run(run) for run in runs]
    results = runs[0].parents[1]
    ids = {run.record.name: "an id" for run in found}
    write_leaderboard(scenario, found, ids, results / "leaderboard.csv")
    write_page(scenario, results, ABOUT[name], tmp_path / "page")
    text = (tmp_path / "page" / "README.md").read_text()
    (row,) = (line for line in text.splitlines() if line.startswith("| `crops`"))
    cells = [cell.strip() for cell in row.split("|")]
    auc = mean(run.metrics.splits["test"].auc for run in found)
    assert cells[4].startswith(f"{auc:.4f} ± ")
    microseconds = median(1e6 / run.record.events_per_second for run in found)
    assert cells[5] == f"{microseconds:,.0f}"
    (picture,) = re.findall(r"!\[.*\]\((.*)\)", text)
    assert (tmp_path / "page" / picture).read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("dearest", "file", "axis"),
    [(120, "auc.png", "test AUC"), (1000, "auc_against_cost.png", "µs per event and epoch")],
)
def test_the_picture_has_an_axis_for_costs_if_they_differ(dearest, file, axis):
    rows = [Row(f"costs {cost}", "crops", "cnn", 9, (0.7, 0.8), cost, 1) for cost in (100, dearest)]
    picture = picture_of(rows)
    (axes,) = picture.figure.axes
    assert (picture.file, axes.get_xlabel()) == (file, axis)


def test_the_copied_lines_have_nothing_that_only_one_machine_knows(scenario, runs, tmp_path):
    found = [read_run(run) for run in runs]
    results = runs[0].parents[1]
    ids = {run.record.name: "an id" for run in found}
    write_leaderboard(scenario, found, ids, results / "leaderboard.csv")
    write_page(scenario, results, ABOUT["models"], tmp_path / "page")
    whole, copied = (
        list(csv.DictReader(path.read_text().splitlines()))
        for path in (results / "leaderboard.csv", tmp_path / "page" / "leaderboard.csv")
    )
    for line in whole:
        del line["run_id"], line["events_per_second"]
    assert copied == whole


def test_an_ensemble_has_a_row_and_is_compared_with_the_best_task(scenario, runs, tmp_path):
    members = {"members": ["crops"]}
    together = type(scenario).model_validate(
        scenario.model_dump() | {"ensembles": {"both": members}}
    )
    results = tmp_path / "results"
    for run in runs:
        shutil.copytree(run, results / "crops" / run.name)
    ensemble("both", [results / "crops" / run.name for run in runs], results / "both")
    evaluate(results / "both")
    found = [read_run(results / "crops" / run.name) for run in runs]
    ids = {run.record.name: "an id" for run in found}
    write_leaderboard(together, found, ids, results / "leaderboard.csv")
    write_page(together, results, ABOUT["models"], tmp_path / "page")
    text = (tmp_path / "page" / "README.md").read_text()
    assert "\n| `both` | ensemble of 2 | " in text
    assert re.search(r"\n\* The ensemble both is .* than crops, the best task of its", text)


def test_a_missing_run_is_refused(scenario, tmp_path):
    with pytest.raises(UserError, match=r"crops/seed1 has no run\.json"):
        write_page(scenario, tmp_path, ABOUT["models"], tmp_path / "page")
    assert not (tmp_path / "page").exists()


@pytest.mark.parametrize("name", ABOUT)
def test_a_page_is_that_of_a_scenario(name):
    assert load_scenario(name, folder=CHECKOUT / "config").name == name


def test_every_task_of_the_project_that_can_be_simulated_is_in_it():
    config = CHECKOUT / "config"
    tasks = set(load_scenario("models", folder=config).tasks)
    known = {line[:-1] for line in (config / "tasks.yaml").read_text().splitlines()
             if line.endswith(":") and line[0].isalpha()}  # fmt: skip
    assert tasks == known
