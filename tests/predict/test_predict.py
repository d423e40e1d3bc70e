"""Scores of raw files agree with those that the training gave to the same events."""

import shutil

import numpy as np
import pyarrow.parquet as pq
import pytest

from calobatch.ensemble.ensemble import ensemble
from calobatch.errors import UserError
from calobatch.predict.predict import predict
from calobatch.run.predictor import EnsembleRecord
from calobatch.run.training import RunRecord
from calobatch.train.train import train
from tests.layouts import QUARK_GLUON
from tests.raw_files import write_hdf5
from tests.trained import JETS, SETTINGS, THREE, sizes, trained


@pytest.fixture(scope="module")
def of_two(tmp_path_factory):
    return trained(JETS, [0, 1] * 40, tmp_path_factory.mktemp("two"), zero_below=0.1)


@pytest.fixture(scope="module")
def of_three(tmp_path_factory):
    return trained(THREE, [0, 1, 2] * 40, tmp_path_factory.mktemp("three"), zero_below=0.0)


@pytest.fixture(scope="module")
def of_hits(tmp_path_factory):
    folder = tmp_path_factory.mktemp("hits")
    return trained(JETS, [0, 1] * 40, folder, zero_below=0.1, model="hit_transformer")


def columns(path):
    table = pq.read_table(path)
    return {name: table[name].to_numpy() for name in table.column_names}


@pytest.mark.parametrize("kind", ["of_two", "of_three", "of_hits"])
def test_events_that_were_packed_have_the_scores_of_the_training(kind, request, tmp_path):
    run, files, events = request.getfixturevalue(kind)
    predict(run, files, tmp_path / "scores.parquet", threads=1)
    found, expected = columns(tmp_path / "scores.parquet"), columns(run / "predictions.parquet")
    scores = [name for name in expected if name.startswith("score")]
    assert list(found) == ["file", "event", "label", *scores]
    for name in scores:
        np.testing.assert_allclose(found[name], expected[name], atol=1e-6, rtol=0)
        assert np.ptp(found[name]) > 0.01
    np.testing.assert_array_equal(found["label"], events.label)
    assert found["label"].dtype == expected["label"].dtype == np.uint8
    half = len(events.label) // 2
    assert found["file"].tolist() == ["first.parquet"] * half + ["second.hdf5"] * half
    assert found["event"].tolist() == [*range(half), *range(half)]


@pytest.mark.parametrize("kind", ["of_two", "of_three"])
def test_an_ensemble_scores_raw_files_as_its_members_do_together(kind, request, tmp_path):
    run, files, _ = request.getfixturevalue(kind)
    shutil.copytree(run, tmp_path / "task" / "seed1")
    hits = SETTINGS.model_copy(update={"model": "hit_transformer"})
    train("hits", hits, 1, run.parent / "store", tmp_path / "hits" / "seed1")
    folder = tmp_path / "both"
    ensemble("both", [tmp_path / name / "seed1" for name in ("task", "hits")], folder)
    predict(folder, files, tmp_path / "scores.parquet", threads=1)
    found, expected = columns(tmp_path / "scores.parquet"), columns(folder / "predictions.parquet")
    alone = columns(run / "predictions.parquet")
    for name in (name for name in expected if name.startswith("score")):
        np.testing.assert_allclose(found[name], expected[name], atol=1e-6, rtol=0)
        assert not np.allclose(found[name], alone[name], atol=1e-3)


def test_an_ensemble_without_its_trainings_beside_it_is_refused(of_two, tmp_path):
    run, files, _ = of_two
    shutil.copytree(run, tmp_path / "task" / "seed1")
    ensemble("alone", [tmp_path / "task" / "seed1"], tmp_path / "elsewhere" / "alone")
    with pytest.raises(UserError, match=r"ensemble of task/seed1, but .*keep the ensemble in one"):
        predict(tmp_path / "elsewhere" / "alone", files, tmp_path / "s.parquet", threads=1)


def test_an_ensemble_whose_member_was_trained_again_is_refused(of_two, tmp_path):
    run, files, _ = of_two
    member = tmp_path / "task" / "seed1"
    shutil.copytree(run, member)
    ensemble("alone", [member], tmp_path / "alone")
    path = tmp_path / "alone" / "ensemble.json"
    record = EnsembleRecord.read(path)
    record.model_copy(update={"members": {"task/seed1": "0" * 64}}).write(path)
    with pytest.raises(
        UserError, match=r"seed1 was trained again .*run `calobatch ensemble` again"
    ):
        predict(tmp_path / "alone", files, tmp_path / "scores.parquet", threads=1)


def test_a_file_without_labels_is_scored_with_missing_labels(of_two, tmp_path):
    run, _, events = of_two
    image = np.moveaxis(events.image_BCHW, 1, -1)
    scalars = {"pt": events.scalars_BS[:, 0], "m0": events.scalars_BS[:, 1]}
    np.savez(tmp_path / "new.npz", X_jets=image, **scalars)
    predict(run, [tmp_path / "new.npz"], tmp_path / "scores.parquet", threads=2)
    table = pq.read_table(tmp_path / "scores.parquet")
    assert table["label"].null_count == len(events.label)
    expected = columns(run / "predictions.parquet")["score"]
    np.testing.assert_allclose(table["score"].to_numpy(), expected, atol=1e-6, rtol=0)


def test_weights_are_kept_and_labels_of_no_class_are_missing(of_two, tmp_path, capsys):
    run, _, events = of_two
    folder = tmp_path / "run"
    shutil.copytree(run, folder)
    record = RunRecord.read(folder / "run.json")
    weighted = record.layout.model_copy(update={"weight": "xsec"})
    record.model_copy(update={"layout": weighted}).write(folder / "run.json")
    image = np.moveaxis(events.image_BCHW, 1, -1)
    scalars = {"pt": events.scalars_BS[:, 0], "m0": events.scalars_BS[:, 1]}
    label, weight = events.label.astype(float), np.linspace(-1, 2, len(image))
    label[3] = -1
    np.savez(tmp_path / "with.npz", X_jets=image, y=label, xsec=weight, **scalars)
    np.savez(tmp_path / "without.npz", X_jets=image, y=label, **scalars)
    files = [tmp_path / "with.npz", tmp_path / "without.npz"]
    predict(folder, files, tmp_path / "scores.parquet", threads=1)
    table = pq.read_table(tmp_path / "scores.parquet").to_pylist()
    with_weights, without = table[: len(image)], table[len(image) :]
    assert [row["weight"] for row in with_weights] == weight.tolist()
    assert {row["weight"] for row in without} == {None}
    assert [k for k, row in enumerate(with_weights) if row["label"] is None] == [3]
    assert "1 of 80 events of" in capsys.readouterr().err


def test_a_file_of_another_layout_is_refused_with_what_differs(of_two, tmp_path):
    run, _, _ = of_two
    path = write_hdf5(tmp_path / "a.hdf5", QUARK_GLUON, sizes(QUARK_GLUON, [0, 1], seed=1))
    with pytest.raises(UserError, match=r"a.hdf5: X_jets has shape .*125.*, expected .*4"):
        predict(run, [path], tmp_path / "scores.parquet", threads=1)
    assert not (tmp_path / "scores.parquet").exists()


def test_scores_are_written_as_parquet_only(of_two, tmp_path):
    run, files, _ = of_two
    with pytest.raises(UserError, match=r"s\.csv: scores are written as parquet; give it a name"):
        predict(run, files, tmp_path / "s.csv", threads=1)


def test_a_folder_without_a_finished_training_is_refused(tmp_path):
    with pytest.raises(UserError, match=r"has no run.json, .*, so it is not the folder of a fini"):
        predict(tmp_path, [tmp_path / "a.hdf5"], tmp_path / "scores.parquet", threads=1)


def test_a_run_of_an_older_version_is_refused_with_what_to_do(of_two, tmp_path):
    run, files, _ = of_two
    (tmp_path / "model.safetensors").write_bytes((run / "model.safetensors").read_bytes())
    record = RunRecord.read(run / "run.json").model_copy(update={"preparation": None})
    record.write(tmp_path / "run.json")
    with pytest.raises(UserError, match=r"does not say how events were prepared, .*; train again"):
        predict(tmp_path, files, tmp_path / "scores.parquet", threads=1)
