"""Boosted trees: what their training leaves behind, what it counts, and when it stops."""

import os
import shutil
import signal
import subprocess

import numpy as np
import pyarrow.parquet as pq
import pytest
from safetensors.numpy import load_file
from sklearn.metrics import log_loss, roc_auc_score

from calobatch.config.dataset import Split
from calobatch.config.training import Training
from calobatch.errors import StoppedError, UserError
from calobatch.evaluate.evaluate import evaluate
from calobatch.export.export import export
from calobatch.interpret.interpret import interpret
from calobatch.pack.pack import pack
from calobatch.predict.predict import predict
from calobatch.run.exported import ExportRecord
from calobatch.run.files import TRAINING_FILES, WEIGHTS_FILE
from calobatch.run.folder import read_run
from calobatch.run.history import read_history
from calobatch.run.interpretation import read_images
from calobatch.run.predictions import read_predictions
from calobatch.run.training import RunRecord
from calobatch.store import open_store
from calobatch.train.fit_trees import fit_trees
from calobatch.train.heartbeat import Heartbeat, Phase
from tests.formats import npz
from tests.layouts import THREE_CLASSES
from tests.trained import JETS, sizes

OPTIONS = {"trees": 24, "leaves": 6, "fewest_events": 5}


@pytest.fixture(scope="module")
def settings():
    """Return a function that makes settings of a quick fit, with changes."""

    def of(**changes):
        base = {
            "model": "boosted_trees", "model_options": OPTIONS, "epochs": 4, "batch_size": 50,
            "learning_rate": 0.1, "ranks": 1, "communicator": "single",
        }  # fmt: skip
        return Training.model_validate(base | changes)

    return of


@pytest.fixture(scope="module")
def run(crops_store, settings, tmp_path_factory):
    """A finished fit."""
    folder = tmp_path_factory.mktemp("trees")
    fit_trees("task", settings(), 1, crops_store, folder)
    return folder


def losses(folder):
    return [(e.train_loss, e.validation_loss) for e in read_history(folder / "history.jsonl")]


def test_trees_learn_what_can_be_learnt(run):
    test = read_predictions(run / "predictions.parquet")["test"]
    assert roc_auc_score(test.label, test.score) > 0.9
    first, *_, last = losses(run)
    assert last[0] < first[0] < np.log(2)


def test_the_run_has_the_files_and_the_record_of_any_training(run, crops_store):
    assert sorted(path.name for path in run.iterdir()) == sorted([".kept", *TRAINING_FILES])
    record, history = RunRecord.read(run / "run.json"), read_history(run / "history.jsonl")
    assert record.parameters == OPTIONS["trees"] * OPTIONS["leaves"]
    assert (record.ranks, record.mark, record.epochs_run) == (1, "", 4)
    assert record.dataset_sha256 == open_store(crops_store).manifest.events_sha256
    assert all(epoch.gradient_norm is None and epoch.seconds > 0 for epoch in history)


def test_losses_and_auc_of_the_best_epoch_are_those_of_the_predictions(run):
    best = read_history(run / "history.jsonl")[RunRecord.read(run / "run.json").best_epoch - 1]
    splits = read_predictions(run / "predictions.parquet")
    train, validation = splits["train"], splits["validation"]
    assert best.train_loss == pytest.approx(log_loss(train.label, train.score), rel=1e-5)
    assert best.validation_loss == pytest.approx(log_loss(validation.label, validation.score))
    assert best.validation_auc == pytest.approx(roc_auc_score(validation.label, validation.score))


def test_the_same_seed_gives_the_same_bytes_and_another_seed_others(
    run, crops_store, settings, tmp_path
):
    for name, seed in (("again", 1), ("other", 2)):
        fit_trees("task", settings(), seed, crops_store, tmp_path / name)
    for file in ("model.safetensors", "predictions.parquet"):
        assert (tmp_path / "again" / file).read_bytes() == (run / file).read_bytes()
        assert (tmp_path / "other" / file).read_bytes() != (run / file).read_bytes()


def test_epochs_only_divide_the_trees(run, crops_store, settings, tmp_path):
    fit_trees("task", settings(epochs=2), 1, crops_store, tmp_path)
    assert losses(tmp_path) == losses(run)[1::2]


def test_a_fit_stops_when_validation_does_not_improve(crops_store, settings, tmp_path):
    eager = settings(epochs=24, early_stopping=2, learning_rate=1.0)
    fit_trees("task", eager, 1, crops_store, tmp_path)
    record = RunRecord.read(tmp_path / "run.json")
    assert record.epochs_run == record.best_epoch + 2 < 24
    # The trees after the best epoch are not in the model.
    values = load_file(tmp_path / WEIGHTS_FILE)["trees.value_TL"]
    assert (values != 0).any(axis=1).tolist() == [k < record.best_epoch for k in range(24)]


class StopAfterFirstEpoch(Heartbeat):
    """Sends this process a signal while the first epoch is validated."""

    def at(self, phase, epoch=0, step=0):
        super().at(phase, epoch, step)
        if (phase, epoch) == (Phase.VALIDATING, 1):
            os.kill(os.getpid(), signal.SIGTERM)


def test_a_signal_stops_between_epochs_and_the_same_fit_is_repeated(
    run, crops_store, settings, tmp_path
):
    with pytest.raises(StoppedError, match=r"stopped by SIGTERM after epoch 1; .* starts again"):
        fit_trees("task", settings(), 1, crops_store, tmp_path, StopAfterFirstEpoch())
    assert len(read_history(tmp_path / "checkpoint" / "history.jsonl")) == 1
    fit_trees("task", settings(), 1, crops_store, tmp_path)
    for file in ("model.safetensors", "predictions.parquet"):
        assert (tmp_path / file).read_bytes() == (run / file).read_bytes()


def test_a_finished_fit_whose_outputs_were_deleted_is_taken_over(
    run, crops_store, settings, tmp_path, capsys
):
    copy = shutil.copytree(run, tmp_path / "run")
    for name in TRAINING_FILES:
        (copy / name).unlink()
    fit_trees("task", settings(), 1, crops_store, copy)
    assert (copy / "run.json").read_bytes() == (run / "run.json").read_bytes()
    assert "an earlier attempt finished this training on" in capsys.readouterr().err


def test_the_verb_train_fits_trees(run, crops_store, settings, tmp_path):
    command = ["calobatch", "train", "task", "--run", "seed1", "--store", str(crops_store)]
    arguments = ["--output", str(tmp_path), "--settings", settings().model_dump_json()]
    subprocess.run([*command, *arguments], check=True, timeout=300)
    predictions = [(folder / "predictions.parquet").read_bytes() for folder in (tmp_path, run)]
    assert predictions[0] == predictions[1]


def test_more_epochs_than_trees_are_refused(crops_store, settings, tmp_path):
    with pytest.raises(UserError, match="25 epochs are more than the 24 trees of the model; lower"):
        fit_trees("task", settings(epochs=25), 1, crops_store, tmp_path)


def test_keys_of_networks_are_refused(crops_store, settings, tmp_path):
    wrong = settings(clip_gradients=1.0, weight_decay=0.1)
    with pytest.raises(UserError, match=r"set weight_decay: 0.0, clip_gradients: null$"):
        fit_trees("task", wrong, 1, crops_store, tmp_path)


def fitted(folder, layout, labels, settings, split=None, weight=None, fold=None):
    """Fit trees to events of ``layout``; return the run and the raw file."""
    events = sizes(layout, labels, seed=6)
    scalars = {s.name: events.scalars_BS[:, i] for i, s in enumerate(layout.scalars)}
    arrays = {layout.image: events.image_BCHW, "y": events.label, **scalars}
    if weight is not None:
        arrays["weight"] = weight
    raw = npz(folder / "events.npz", arrays)
    pack("data", layout, [raw], folder / "store", split=split or Split(), zero_below=0.0)
    fit_trees("task", settings, 1, folder / "store", folder / "run", fold=fold)
    return folder / "run", raw


@pytest.mark.parametrize(("layout", "classes"), [(JETS, 2), (THREE_CLASSES, 3)])
def test_predict_export_and_interpret_score_events_as_the_fit_did(
    layout, classes, settings, tmp_path
):
    """With scalars, and with three classes."""
    run, raw = fitted(tmp_path, layout, list(range(classes)) * 60, settings())
    predict(run, [raw], tmp_path / "scores.parquet", threads=1)
    files = (run / "predictions.parquet", tmp_path / "scores.parquet")
    trained, again = map(pq.read_table, files)
    for column in [name for name in trained.column_names if name.startswith("score")]:
        assert again[column].to_pylist() == trained[column].to_pylist()
        assert len(set(trained[column].to_pylist())) > 50
    evaluate(run)
    export(run, tmp_path / "store")
    assert ExportRecord.read(run / "export" / "export.json").fault == ""
    interpret(run, tmp_path / "store")
    assert read_images(read_run(run)).occlusion_KCHW.any()


def test_weights_of_events_count(settings, tmp_path):
    layout = JETS.model_copy(update={"weight": "weight"})
    labels = [0, 1] * 100
    weight = np.tile([1.0, 3.0], 100)
    run, _ = fitted(tmp_path, layout, labels, settings(epochs=1, learning_rate=1e-6), weight=weight)
    # After hardly any step, the scores are the share of class 1 in the sum of the weights.
    train = read_predictions(run / "predictions.parquet")["train"]
    assert train.score == pytest.approx(0.75, abs=0.02)


def test_a_fold_is_trained_and_tested_on_its_own_parts(settings, tmp_path):
    run, _ = fitted(tmp_path, JETS, [0, 1] * 90, settings(), Split(folds=3), fold=2)
    record = RunRecord.read(run / "run.json")
    splits = read_predictions(run / "predictions.parquet")
    train, test = (splits[name] for name in ("train", "test"))
    assert record.fold == 2
    # The events are random: only those that the trees were grown from are separated.
    assert roc_auc_score(train.label, train.score) > 0.9 > roc_auc_score(test.label, test.score)


def test_another_version_of_scikit_learn_makes_another_run(
    run, crops_store, settings, tmp_path, monkeypatch
):
    monkeypatch.setattr("sklearn.__version__", "0.1")
    fit_trees("task", settings(), 1, crops_store, tmp_path)
    before, after = (RunRecord.read(folder / "run.json") for folder in (run, tmp_path))
    assert before.identity != after.identity


def test_trees_on_some_events_see_and_predict_only_those(crops_store, settings, tmp_path):
    number = len(open_store(crops_store).events_of("train")) // 2
    fit_trees("task", settings(training_events=number), 1, crops_store, tmp_path)
    predicted = read_predictions(tmp_path / "predictions.parquet")
    assert len(predicted["train"].label) == number
