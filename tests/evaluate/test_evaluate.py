import shutil
import struct

import numpy as np
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from sklearn.metrics import roc_auc_score

from calobatch.errors import UserError
from calobatch.evaluate.evaluate import evaluate
from calobatch.run.files import PREDICTIONS_FILE, RECORD_FILE
from calobatch.run.metrics import Metrics
from tests.layouts import THREE_CLASSES
from tests.run.examples import record

PLOTS = {"roc.png", "scores.png", "history.png", "calibration.png", "confusion.png"}


def outputs(folder):
    files = [folder / "metrics.json", *(folder / "plots").iterdir()]
    return {file.name: file.read_bytes() for file in files}


@pytest.fixture(scope="module")
def evaluated(write_run, tmp_path_factory):
    folder = write_run(tmp_path_factory.mktemp("runs") / "run")
    evaluate(folder)
    return folder


@pytest.fixture
def run(write_run, tmp_path):
    return write_run(tmp_path / "run")


def test_the_metrics_can_be_recomputed_from_the_predictions(evaluated):
    metrics = Metrics.read(evaluated / "metrics.json")
    table = pq.read_table(evaluated / "predictions.parquet")
    assert (metrics.task, metrics.seed) == ("crops", 5)
    assert sum(split.events for split in metrics.splits.values()) == len(table)
    for name, split in metrics.splits.items():
        part = table.filter(pc.equal(table["split"], name))
        label, score = part["label"].to_numpy(), part["score"].to_numpy()
        assert split.events == len(part)
        assert split.auc == pytest.approx(roc_auc_score(label, score), abs=1e-12)
        assert split.auc_low < split.auc < split.auc_high
        assert split.accuracy == pytest.approx(np.mean((score > 0.5) == label))


def test_every_plot_is_1200_by_900_pixels_and_small(evaluated):
    plots = {path.name: path.read_bytes() for path in (evaluated / "plots").iterdir()}
    assert set(plots) == PLOTS
    for content in plots.values():
        assert content[:8] == b"\x89PNG\r\n\x1a\n"
        assert struct.unpack(">II", content[16:24]) == (1200, 900)
        assert len(content) < 150_000


def test_evaluating_twice_gives_the_same_bytes(evaluated, tmp_path):
    copy = shutil.copytree(evaluated, tmp_path / "copy")
    evaluate(copy)
    assert outputs(copy) == outputs(evaluated)


def test_every_plot_says_if_its_data_are_simulated(evaluated, write_run, tmp_path):
    public = write_run(tmp_path / "run", simulated=False)
    evaluate(public)
    ours, theirs = outputs(evaluated), outputs(public)
    assert {name for name in ours if ours[name] != theirs[name]} == PLOTS


@pytest.fixture
def run_of_three(run):
    """A run with three classes, whose predictions have a column for each."""
    table = pq.read_table(run / PREDICTIONS_FILE).drop_columns("score")
    random = np.random.default_rng(4)
    label = (np.arange(len(table)) % 3).astype(np.uint8)
    weight = random.random((len(label), 3)) + np.eye(3)[label]
    score = (weight / weight.sum(axis=1, keepdims=True)).astype(np.float32)
    table = table.set_column(table.column_names.index("label"), "label", [label])
    for name, of_class in zip(THREE_CLASSES.classes, score.T, strict=True):
        table = table.append_column(f"score_{name}", [of_class])
    pq.write_table(table, run / PREDICTIONS_FILE)
    record().model_copy(update={"layout": THREE_CLASSES}).write(run / RECORD_FILE)
    return run


def test_a_run_with_three_classes_has_the_same_files(run_of_three):
    test = evaluate(run_of_three).splits["test"]
    assert set(outputs(run_of_three)) == {"metrics.json", *PLOTS}
    assert Metrics.read(run_of_three / "metrics.json").splits["test"] == test
    assert set(test.classes) == {"muon", "pion", "kaon"}


def test_predictions_of_another_number_of_classes_are_refused(run_of_three):
    record().write(run_of_three / RECORD_FILE)
    with pytest.raises(UserError, match="scores of 3 classes, but the training had 2"):
        evaluate(run_of_three)


def test_constant_scores_and_a_single_epoch_are_evaluated(write_run, tmp_path):
    folder = write_run(tmp_path / "run", lambda random, label: np.full(len(label), 0.46), epochs=1)
    test = evaluate(folder).splits["test"]
    assert (test.auc, test.auc_low, test.auc_high) == (0.5, 0.5, 0.5)
    assert test.calibration_error == pytest.approx(0.04)
    assert set(outputs(folder)) == {"metrics.json", *PLOTS}


@pytest.mark.parametrize("name", ["predictions.parquet", "history.jsonl", "run.json"])
def test_a_missing_file_is_named(run, name):
    (run / name).unlink()
    with pytest.raises(
        UserError,
        match=rf"run has no {name}, so no training has finished there; name the folder of ",
    ):
        evaluate(run)


@pytest.mark.parametrize("name", ["predictions.parquet", "history.jsonl", "run.json"])
@pytest.mark.parametrize("kept", [0, 0.4])
def test_a_file_that_was_cut_short_is_named_with_what_to_do(run, name, kept):
    content = (run / name).read_bytes()
    (run / name).write_bytes(content[: int(kept * len(content))])
    with pytest.raises(UserError, match=rf"^cannot read .*{name}: .*; train again$"):
        evaluate(run)


def test_predictions_without_scores_are_named_with_what_to_do(run):
    table = pq.read_table(run / "predictions.parquet").drop_columns("score")
    pq.write_table(table, run / "predictions.parquet")
    with pytest.raises(UserError, match=r"predictions\.parquet: .*score.*; train again"):
        evaluate(run)


def test_metrics_that_were_cut_short_are_named_with_what_to_do(evaluated, tmp_path):
    content = (evaluated / "metrics.json").read_text()
    (tmp_path / "metrics.json").write_text(content[:100])
    with pytest.raises(UserError, match=r"metrics\.json: .*; run `calobatch evaluate` again"):
        Metrics.read(tmp_path / "metrics.json")


@pytest.mark.parametrize(
    ("dropped", "found"),
    [
        (
            lambda table: pc.equal(table["split"], "validation"),
            "no event of class photon, electron",
        ),
        (
            lambda table: pc.and_(
                pc.equal(table["split"], "validation"), pc.equal(table["label"], 1)
            ),
            "no event of class electron",
        ),
    ],
)
def test_a_split_without_both_classes_is_named(run, dropped, found):
    table = pq.read_table(run / "predictions.parquet")
    pq.write_table(table.filter(pc.invert(dropped(table))), run / "predictions.parquet")
    with pytest.raises(UserError, match=f"validation.*{found}"):
        evaluate(run)
    assert not (run / "metrics.json").exists()


@pytest.mark.parametrize("score", [np.nan, -0.1, 1.5])
def test_scores_that_are_not_probabilities_are_refused(write_run, tmp_path, score):
    folder = write_run(tmp_path / "run", lambda random, label: np.full(len(label), score))
    with pytest.raises(UserError, match="not probabilities"):
        evaluate(folder)
