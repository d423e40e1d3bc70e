"""One process: what a training leaves behind, when it stops, and what it refuses."""

import json
import os
import shutil
import subprocess
import sys

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from sklearn.metrics import roc_auc_score

from calobatch.checksum import sha256_of
from calobatch.config.dataset import SPLITS
from calobatch.errors import UserError
from calobatch.run.history import read_history
from calobatch.run.predictions import read_predictions
from calobatch.run.training import PHASES, RunRecord
from calobatch.store import open_store
from calobatch.store_files import EVENTS_FILE, MANIFEST_FILE
from calobatch.train.train import train

PROGRAM = """
import sys
from pathlib import Path
from calobatch.config.training import Training
from calobatch.train.train import train

store, run, settings = sys.argv[1:]
train("task", Training.model_validate_json(settings), 1, Path(store), Path(run))
print({"awkward", "h5py", "sklearn", "uproot", "vector"} & set(sys.modules))
"""


def test_a_rank_imports_no_package_that_it_does_not_need(crops_store, quick, tmp_path):
    """Numba would import those that have an extension for it."""
    settings = quick(epochs=1).model_dump_json()
    command = [sys.executable, "-c", PROGRAM, str(crops_store), str(tmp_path), settings]
    answer = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert answer.stdout.strip() == "set()", answer.stderr


def test_every_event_is_scored_exactly_once_with_its_own_label(crops_store, quick, tmp_path):
    train("task", quick(), 1, crops_store, tmp_path)
    store = open_store(crops_store)
    table = pq.read_table(tmp_path / "predictions.parquet")
    assert table.schema.field("event").type == "int64"
    assert table.schema.field("score").type == "float"
    assert table["event"].to_pylist() == list(range(len(store)))
    assert np.array_equal(table["label"].to_numpy(), store.label)
    names = np.array(["train", "validation", "test"])
    assert table["split"].to_pylist() == names[store.split].tolist()
    score = table["score"].to_numpy()
    assert ((score >= 0) & (score <= 1)).all()


def test_the_scores_at_the_end_show_their_progress(crops_store, quick, tmp_path, capsys):
    """With a large model they take minutes, after the last epoch is reported as done."""
    train("task", quick(epochs=1), 1, crops_store, tmp_path)
    *_, last = capsys.readouterr().err.splitlines()
    assert last.split(" events/s")[0].startswith("train task seed 1, scores: 300/300 events ")


def test_a_model_learns_what_can_be_learnt(crops_store, quick, tmp_path):
    train("task", quick(epochs=8), 1, crops_store, tmp_path)
    test = read_predictions(tmp_path / "predictions.parquet")["test"]
    assert roc_auc_score(test.label, test.score) > 0.8


def test_the_predictions_are_those_of_the_best_epoch_on_validation(crops_store, quick, tmp_path):
    train("task", quick(epochs=6), 1, crops_store, tmp_path)
    history = read_history(tmp_path / "history.jsonl")
    record = RunRecord.read(tmp_path / "run.json")
    best = max(epoch.validation_auc for epoch in history)
    assert history[record.best_epoch - 1].validation_auc == best
    validation = read_predictions(tmp_path / "predictions.parquet")["validation"]
    assert roc_auc_score(validation.label, validation.score) == pytest.approx(best, abs=1e-12)


def test_the_same_seed_gives_the_same_predictions_and_another_seed_others(
    crops_store, quick, tmp_path
):
    for name, seed in (("one", 1), ("again", 1), ("other", 2)):
        train("task", quick(), seed, crops_store, tmp_path / name)
    one, again, other = (
        (tmp_path / name / "predictions.parquet").read_bytes() for name in ("one", "again", "other")
    )
    assert one == again
    assert one != other


def test_training_stops_when_validation_does_not_improve(crops_store, quick, tmp_path):
    train("task", quick(epochs=40, early_stopping=2), 1, crops_store, tmp_path)
    record = RunRecord.read(tmp_path / "run.json")
    assert record.epochs_run == len(read_history(tmp_path / "history.jsonl")) < 40
    assert record.epochs_run == record.best_epoch + 2


def test_only_the_outputs_their_kept_copy_and_the_last_checkpoint_are_left(
    crops_store, quick, tmp_path
):
    train("task", quick(), 1, crops_store, tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        ".kept",
        "checkpoint",
        "history.jsonl",
        "model.safetensors",
        "predictions.parquet",
        "run.json",
    ]
    assert [path.name for path in (tmp_path / "checkpoint").iterdir()] == ["finished.pt"]


def test_the_record_has_the_settings_and_the_checksums_of_the_data(crops_store, quick, tmp_path):
    settings = quick(learning_rate=0.003)
    train("task", settings, 5, crops_store, tmp_path)
    record, manifest = RunRecord.read(tmp_path / "run.json"), open_store(crops_store).manifest
    assert (record.task, record.seed, record.training) == ("task", 5, settings)
    assert record.dataset_sha256 == manifest.events_sha256
    assert record.source_sha256 == {source.file: source.sha256 for source in manifest.sources}
    assert record.started < record.finished
    assert record.parameters == 12_992


def test_a_diverging_training_says_what_to_change(crops_store, quick, tmp_path):
    """It is a UserError, after which the launcher does not say to run the same command again."""
    with pytest.raises(UserError, match="loss is not finite in epoch 1; lower learning_rate"):
        train("task", quick(learning_rate=1e30), 1, crops_store, tmp_path)
    assert not (tmp_path / "run.json").exists()


def test_a_model_that_separates_nothing_is_reported(crops_store, quick, tmp_path, capsys):
    train("task", quick(model="cnn", learning_rate=1.0, epochs=1), 1, crops_store, tmp_path)
    assert "every event has the same score" in capsys.readouterr().err
    assert RunRecord.read(tmp_path / "run.json").mark == "constant scores"


def test_a_loss_that_exploded_is_reported_and_marked(crops_store, quick, tmp_path, capsys):
    """The labels are shuffled, so that no AUC can be good by chance at such a rate."""
    shuffled = with_labels(crops_store, tmp_path / "store", np.random.default_rng(3).permutation)
    one_layer = quick(model="tests.train.stuck", learning_rate=1e3, epochs=1)
    train("task", one_layer, 1, shuffled, tmp_path)
    assert "the loss is far above that of a model that guesses" in capsys.readouterr().err
    assert RunRecord.read(tmp_path / "run.json").mark == "exploded loss"


def test_a_training_that_learns_has_no_mark(crops_store, quick, tmp_path, capsys):
    train("task", quick(epochs=4), 1, crops_store, tmp_path)
    assert RunRecord.read(tmp_path / "run.json").mark == ""
    assert "lower learning_rate" not in capsys.readouterr().err


@pytest.mark.parametrize("split", SPLITS)
def test_a_split_with_one_class_is_refused_before_the_training(crops_store, quick, tmp_path, split):
    of_split = open_store(crops_store).split == SPLITS.index(split)
    store = with_labels(crops_store, tmp_path / "store", lambda label: np.where(of_split, 1, label))
    message = f"the {split} split has no event of class photon, .*; increase the number of events"
    with pytest.raises(UserError, match=message):
        train("task", quick(), 1, store, tmp_path / "run")
    assert not (tmp_path / "run").exists()


def with_labels(store, copy, change):
    """Return a copy of a packed store whose labels are those that ``change`` makes of its own."""
    shutil.copytree(store, copy)
    with pa.OSFile(str(store / EVENTS_FILE)) as file:
        table = pa.ipc.open_file(file).read_all()
    labels = pa.array(change(table["label"].to_numpy()), pa.uint8())
    index = table.schema.get_field_index("label")
    changed = table.set_column(index, table.schema.field(index), labels).combine_chunks()
    with pa.ipc.new_file(copy / EVENTS_FILE, table.schema) as file:
        file.write_table(changed)
    manifest = json.loads((copy / MANIFEST_FILE).read_text())
    manifest.pop("content_sha256")  # a manifest without a checksum is one of an older version
    of_split = open_store(store).split
    for number, split in enumerate(SPLITS):
        in_split = labels.to_numpy()[of_split == number]
        for label, name in enumerate(manifest["layout"]["classes"]):
            manifest["counts"][split][name] = int(np.sum(in_split == label))
    manifest["events_sha256"] = sha256_of(copy / EVENTS_FILE)
    (copy / MANIFEST_FILE).write_text(json.dumps(manifest))
    return copy


def test_more_ranks_than_were_started_are_refused(crops_store, quick, tmp_path):
    with pytest.raises(
        UserError, match="task needs 2 ranks, but 1 were started; start it with `ca"
    ):
        train("task", quick(ranks=2, communicator="horovod"), 1, crops_store, tmp_path)


def test_more_ranks_than_events_are_refused(crops_store, quick, tmp_path, monkeypatch):
    monkeypatch.setenv("CALOBATCH_SIZE", "500")
    monkeypatch.setenv("CALOBATCH_SECRET", "of the 500 ranks")
    with pytest.raises(
        UserError, match="500 ranks need at least one training event each, but there "
    ):
        train(
            "task", quick(ranks=500, batch_size=512, communicator="torch"), 1, crops_store, tmp_path
        )


def test_a_missing_store_is_named(quick, tmp_path):
    with pytest.raises(UserError, match=r"manifest\.json"):
        train("task", quick(), 1, tmp_path / "nowhere", tmp_path)


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_the_model_learns_in_both_precisions(crops_store, quick, tmp_path, precision):
    train("task", quick(epochs=8, precision=precision), 1, crops_store, tmp_path)
    test = read_predictions(tmp_path / "predictions.parquet")["test"]
    assert roc_auc_score(test.label, test.score) > 0.8


def test_a_batch_in_several_passes_gives_the_same_model(crops_store, quick, tmp_path):
    scores = []
    for passes in (1, 3):
        train("task", quick(passes_per_step=passes), 1, crops_store, tmp_path / str(passes))
        predictions = read_predictions(tmp_path / str(passes) / "predictions.parquet")
        scores.append(predictions["test"].score)
    np.testing.assert_allclose(*scores, atol=1e-4)


def test_channels_last_gives_the_same_model(crops_store, quick, tmp_path):
    scores = []
    for last in (False, True):
        train("task", quick(channels_last=last), 1, crops_store, tmp_path / str(last))
        predictions = read_predictions(tmp_path / str(last) / "predictions.parquet")
        scores.append(predictions["test"].score)
    np.testing.assert_allclose(*scores, atol=1e-4)


def test_augmentation_is_for_training_only_and_reproducible(crops_store, quick, tmp_path):
    moved = quick(augmentation={"flip_eta": True, "flip_phi": True, "shift": 1})
    for name, settings in (("plain", quick()), ("moved", moved), ("again", moved)):
        train("task", settings, 1, crops_store, tmp_path / name)
    plain, first, again = (
        (tmp_path / name / "predictions.parquet").read_bytes()
        for name in ("plain", "moved", "again")
    )
    assert first == again
    assert first != plain


@pytest.mark.parametrize(("epochs", "counted"), [(1, slice(0, 1)), (3, slice(1, 3))])
def test_the_time_of_the_steps_is_accounted_for_without_the_first_of_several_epochs(
    crops_store, quick, tmp_path, epochs, counted
):
    train("task", quick(epochs=epochs), 1, crops_store, tmp_path)
    speed = RunRecord.read(tmp_path / "run.json").throughput
    history = read_history(tmp_path / "history.jsonl")[counted]
    for phase in PHASES:
        expected = sum(getattr(epoch, f"{phase}_seconds") for epoch in history)
        assert getattr(speed, f"{phase}_seconds") == pytest.approx(expected)
    accounted = sum(getattr(speed, f"{phase}_seconds") for phase in PHASES)
    assert 0.5 * sum(epoch.seconds for epoch in history) < accounted
    assert accounted <= sum(epoch.seconds for epoch in history)
    assert len(speed.rank_events_per_second) == 1
    assert 50 < speed.peak_memory_mb < 20_000
    assert 0 < speed.cores < 1.1 * os.cpu_count()
    assert speed.gpu_energy_joules is None


def test_a_training_on_some_events_sees_and_predicts_only_those(crops_store, quick, tmp_path):
    store = open_store(crops_store)
    number = len(store.events_of("train")) // 2
    for events in (number, number + 5):
        train("task", quick(training_events=events), 1, crops_store, tmp_path / str(events))
    predicted = [
        pq.read_table(tmp_path / str(events) / "predictions.parquet").to_pandas()
        for events in (number, number + 5)
    ]
    trained_on = [set(table.event[table.split == "train"]) for table in predicted]
    assert [len(events) for events in trained_on] == [number, number + 5]
    assert trained_on[0] < trained_on[1]
    for split in ("validation", "test"):
        assert set(predicted[0].event[predicted[0].split == split]) == set(store.events_of(split))
    message = f"training_events is 100,000, but the training split has only {number * 2:,}"
    with pytest.raises(UserError, match=message[:-1]):
        train("task", quick(training_events=100_000), 1, crops_store, tmp_path / "many")
