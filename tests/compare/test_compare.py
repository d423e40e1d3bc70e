import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from calobatch.cli import main
from calobatch.compare.compare import compare, described
from calobatch.errors import UserError
from calobatch.run.auc import auc, mean_auc
from tests.run.examples import record


@pytest.fixture
def label():
    return (np.arange(2000) % 2).astype(np.uint8)


def write(folder, label, score, **changed):
    """Write a run with these test events; the runs of older versions have no checksums."""
    folder.mkdir(parents=True)
    seed = int(folder.name.removeprefix("seed"))
    record(seed).model_copy(update={"files": {}} | changed).write(folder / "run.json")
    scores = {"score": score} if score.ndim == 1 else dict(
        zip(("score_a", "score_b", "score_c"), score.T, strict=True)
    )  # fmt: skip
    columns = {"event": np.arange(len(label)), "split": ["test"] * len(label), "label": label}
    pq.write_table(pa.table(columns | scores), folder / "predictions.parquet")


def tasks(folder, label, powers, seeds=(1, 2, 3)):
    """Write tasks whose scores separate the classes so well."""
    random = np.random.default_rng(5)
    for task, power in powers.items():
        for seed in seeds:
            noise = random.normal(size=len(label))
            score = (1 / (1 + np.exp(-power * label - noise))).astype(np.float32)
            write(folder / task / f"seed{seed}", label, score)


def test_a_large_difference_is_significant_and_a_small_one_is_not(tmp_path, label):
    tasks(tmp_path, label, {"weak": 0.5, "same": 0.5, "strong": 1.0})
    found = compare(tmp_path / "weak", tmp_path / "strong")
    assert found.p < 1e-6
    assert found.low > 0
    assert all(p < 1e-3 for p in found.delong)
    assert "B is better" in described(found)
    assert "A is better" in described(compare(tmp_path / "strong", tmp_path / "weak"))
    small = compare(tmp_path / "weak", tmp_path / "same")
    assert small.p > 0.05
    assert "the difference is not significant" in described(small)


def test_the_difference_is_the_mean_over_the_seeds_that_both_have(tmp_path, label):
    tasks(tmp_path, label, {"a": 0.5}, seeds=(1, 2, 4))
    tasks(tmp_path, label, {"b": 0.6}, seeds=(1, 2, 3))
    found = compare(tmp_path / "a", tmp_path / "b")
    assert [record.seed for record in found.first.records] == [1, 2]
    files = [tmp_path / f"{t}/seed{k}/predictions.parquet" for t in "ab" for k in (1, 2)]
    each = [auc(label, pq.read_table(file)["score"].to_numpy()) for file in files]
    assert found.difference == pytest.approx((each[2] + each[3] - each[0] - each[1]) / 2)
    assert "mean of 2 trainings" in described(found)


def test_the_spread_of_the_trainings_makes_a_difference_less_certain(tmp_path, label):
    tasks(tmp_path, label, {"a": 0.5}, seeds=(1, 2))
    tasks(tmp_path, label, {"steady": 0.6}, seeds=(1, 2))
    for seed, power in ((1, 0.4), (2, 0.8)):
        tasks(tmp_path, label, {"moving": power}, seeds=(seed,))
    errors = [compare(tmp_path / "a", tmp_path / task).error for task in ("steady", "moving")]
    assert errors[1] > 2 * errors[0]


def test_one_seed_is_said_to_be_one(tmp_path, label):
    tasks(tmp_path, label, {"a": 0.5, "b": 0.6}, seeds=(1,))
    text = described(compare(tmp_path / "a/seed1", tmp_path / "b"))
    assert "Another seed could change either AUC" in text


def test_settings_and_code_that_differ_are_named(tmp_path, label):
    score = label.astype(np.float32)
    write(tmp_path / "seed1", label, score, code_sha256="a" * 64)
    other = record(2).training.model_copy(update={"learning_rate": 0.5})
    write(tmp_path / "seed2", label, score, training=other, device="cuda")
    text = described(compare(tmp_path / "seed1", tmp_path / "seed2"))
    assert f"learning_rate {record(1).training.learning_rate} → 0.5" in text
    assert "device cpu → cuda" in text
    assert "code of the training aaaaaaaaaaaa → " in text
    same = described(compare(tmp_path / "seed1", tmp_path / "seed1"))
    assert "Differences, A → B: none that is recorded." in same
    assert "B - A = +0.0000" in same


def test_of_several_classes_the_mean_over_the_classes_is_compared(tmp_path):
    random = np.random.default_rng(6)
    label = np.repeat(np.arange(3, dtype=np.uint8), 300)
    for seed, power in ((1, 0.3), (2, 1.5)):
        score = random.random((900, 3))
        score[np.arange(900), label] += power
        score = (score / score.sum(axis=1, keepdims=True)).astype(np.float32)
        write(tmp_path / f"seed{seed}", label, score)
    found = compare(tmp_path / "seed1", tmp_path / "seed2")
    assert found.second.aucs == (pytest.approx(mean_auc(label, score)),)
    assert found.delong == ()
    assert found.p < 1e-6


@pytest.mark.parametrize("changed", [{"dataset_sha256": "9" * 64}, {"fold": 2}])
def test_other_test_events_are_refused(tmp_path, label, changed):
    write(tmp_path / "a/seed1", label, label.astype(np.float32))
    write(tmp_path / "b/seed1", label, label.astype(np.float32), **changed)
    with pytest.raises(UserError, match="were not tested on the same events"):
        compare(tmp_path / "a", tmp_path / "b")


def test_a_folder_without_trainings_and_tasks_without_a_common_seed_are_refused(tmp_path, label):
    with pytest.raises(UserError, match="has no finished training; name the folder of a run"):
        compare(tmp_path, tmp_path)
    tasks(tmp_path, label, {"a": 0.5}, seeds=(1, 2))
    tasks(tmp_path, label, {"b": 0.5}, seeds=(3, 4))
    with pytest.raises(UserError, match="no seed and fold in common; name two runs"):
        compare(tmp_path / "a", tmp_path / "b")


def test_the_verb_prints_it(tmp_path, label, capsys):
    tasks(tmp_path, label, {"a": 0.5, "b": 0.6})
    main(["compare", str(tmp_path / "a"), str(tmp_path / "b")])
    said = capsys.readouterr().out
    assert said == described(compare(tmp_path / "a", tmp_path / "b")) + "\n"
