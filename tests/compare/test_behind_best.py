"""The p-values of the leaderboard."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from calobatch.compare.behind_best import behind_best, holm
from calobatch.compare.compare import compare
from calobatch.run.auc import auc
from calobatch.run.folder import RunFolder
from calobatch.run.predictions import read_predictions
from calobatch.run.training import RunRecord
from tests.compare.test_compare import tasks
from tests.run.examples import metrics


def runs_in(folder):
    """Return the runs of :func:`tasks`, with the AUCs that they have on the test split."""
    found = []
    for path in sorted(folder.glob("*/seed*")):
        test = read_predictions(path / "predictions.parquet")["test"]
        record = RunRecord.read(path / "run.json")
        record = record.model_copy(update={"task": path.parent.name})
        measured = metrics(record.seed)
        split = measured.splits["test"].model_copy(update={"auc": auc(test.label, test.score)})
        measured = measured.model_copy(update={"splits": measured.splits | {"test": split}})
        found.append(RunFolder(path, record, measured, [], path.name))
    return found


def test_each_task_is_compared_with_the_best_of_its_dataset(tmp_path):
    label = (np.arange(2000) % 2).astype(np.uint8)
    tasks(tmp_path, label, {"weak": 0.5, "strong": 1.0, "same": 1.02})
    found = behind_best(runs_in(tmp_path))
    best, other = ("same", "strong") if "strong" in found else ("strong", "same")
    assert found.keys() == {"weak", other}
    assert found["weak"] < 1e-6
    assert found[other] > 0.05
    # Of three pairs, the smallest p-value is multiplied by 3, and the next one by 2.
    alone = [compare(tmp_path / task, tmp_path / "weak").p for task in (best, other)]
    expected = alone[0] * (3 if alone[0] < alone[1] else 2)
    assert found["weak"] == pytest.approx(max(expected, 3 * min(alone)))


def test_a_task_alone_or_without_common_seeds_has_no_p_value(tmp_path):
    label = (np.arange(400) % 2).astype(np.uint8)
    tasks(tmp_path, label, {"one": 0.5}, seeds=(1, 2))
    assert behind_best(runs_in(tmp_path)) == {}
    tasks(tmp_path, label, {"other": 1.0}, seeds=(3,))
    assert behind_best(runs_in(tmp_path)) == {}


@given(st.lists(st.floats(0, 1), min_size=1, max_size=8))
def test_holm_s_correction_is_that_of_its_definition(p_values):
    corrected = holm(p_values)
    for threshold in (0.01, 0.05, 0.3, 0.9):
        # Step down: the smallest is compared with threshold / m, the next with threshold / (m - 1).
        rejected = set()
        for rank, index in enumerate(np.argsort(p_values, kind="stable")):
            if p_values[index] > threshold / (len(p_values) - rank):
                break
            rejected.add(int(index))
        margin = 1e-12
        assert {k for k, p in enumerate(corrected) if p <= threshold - margin} <= rejected
        assert rejected <= {k for k, p in enumerate(corrected) if p <= threshold + margin}
