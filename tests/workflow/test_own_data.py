"""The section "Your own data" of the README, followed word for word."""

import re
import subprocess
import sys

import numpy as np
import pyarrow.parquet as pq
import pytest
import uproot

from tests.checkout import CHECKOUT, Workflow

SECTION = (CHECKOUT / "README.md").read_text().split("## Your own data")[1].split("\n## ")[0]
BLOCKS = re.findall(r"```yaml\n(.*?)```", SECTION, re.DOTALL)
NAMES = re.findall(r"`(config/[a-z/]+\.yaml)`", SECTION)
MAKE, PREDICT = re.findall(r"^    ((?:make|calobatch) .*)$", SECTION, re.MULTILINE)
CLASSES = ("muon", "pion", "kaon")


def events(number, seed):
    """Hits along the layers, with a charge that depends on the class."""
    random = np.random.default_rng(seed)
    kind = random.integers(3, size=number)
    hits = np.zeros((number, 40, 30), np.float32)
    for event, of_class in enumerate(kind):
        x = random.integers(4, 36)
        hits[event, x, :] = random.exponential(1 + 2 * of_class, 30)
    return {"hits": hits, "kind": kind}


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    workflow = Workflow(tmp_path_factory.mktemp("own"))
    for name, content in zip(NAMES, BLOCKS, strict=True):
        (workflow.folder / name).write_text(content)
    (workflow.folder / "my_files").mkdir()
    for part in (1, 2):
        np.savez(workflow.folder / f"my_files/part {part} (of 2).npz", **events(300, part))
    assert MAKE == "make run SCENARIO=tracks"
    # What `make run` types, without the installation of an environment.
    workflow.snakemake("--profile", "cluster/local", "--config", "scenario=tracks")
    return workflow


def test_the_run_ends_with_a_leaderboard_of_three_classes(finished):
    text = (finished.folder / "results/tracks/leaderboard.csv").read_text()
    assert "tracker_cnn,tracker,cnn,1,test,120," in text
    page = (finished.folder / "results/tracks/report.html").read_text()
    assert all(f"against {name}" in page for name in CLASSES)
    assert "rows in x and columns in layer" in page


def test_new_events_are_scored_with_the_model(finished):
    with uproot.recreate(finished.folder / "new_events.root") as file:
        tree = file.mktree("events", {"hits": ("f4", (40, 30))})
        tree.extend({"hits": events(50, 9)["hits"]})
    program, *words = PREDICT.split()
    assert program == "calobatch"
    subprocess.run(
        [sys.executable, "-m", "calobatch.cli", *words],
        cwd=finished.folder,
        check=True,
        timeout=300,
    )
    table = pq.read_table(finished.folder / "scores.parquet")
    assert table.column_names[3:] == [f"score_{name}" for name in CLASSES]
    assert table["label"].null_count == len(table) == 50


def test_the_same_data_are_trained_on_in_folds(finished):
    """The packed data and the models change, and nothing of the run without folds is in the way."""
    finished.snakemake(
        *("--profile", "cluster/local", "--config", "scenario=tracks"),
        "set=datasets.tracker.split.folds=3 tasks.tracker_cnn.epochs=1",
    )
    results = finished.folder / "results/tracks"
    text = (results / "leaderboard.csv").read_text()
    assert sum(line.endswith(",") for line in text.splitlines()[1:]) == 3 * 3 + 1
    assert "tracker_cnn,tracker,cnn,1,test,600," in text
    joined = pq.read_table(results / "tracker_cnn/out_of_fold_seed1.parquet")
    assert joined["event"].to_pylist() == list(range(600))
    assert sorted(set(joined["fold"].to_pylist())) == [1, 2, 3]
    assert "mean over 3 folds" in (results / "report.html").read_text()
