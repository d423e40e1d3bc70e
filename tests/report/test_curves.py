import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from calobatch.report.curves import POINTS, roc_points, task_colours
from calobatch.run.predictions import Predictions


@pytest.mark.parametrize("events", [40, 20_000])
@pytest.mark.parametrize("separation", [0.0, 1.0, 20.0])
def test_a_thinned_roc_curve_keeps_its_area_and_its_ends(events, separation):
    random = np.random.default_rng(events)
    label = (np.arange(events) % 2).astype(np.uint8)
    score = random.normal(separation * label).astype(np.float32)
    efficiency, left = roc_points(Predictions(label, score))
    assert len(left) <= POINTS
    assert (efficiency[0], left[0]) == (0, 0)
    assert (efficiency[-1], left[-1]) == (1, 1)
    assert np.trapezoid(efficiency, left) == pytest.approx(roc_auc_score(label, score), abs=3e-3)


def test_tasks_of_one_dataset_differ_in_colour():
    colours = task_colours({"a": "jets", "b": "crops", "c": "jets", "d": "jets"})
    assert len({colours[task] for task in "acd"}) == 3


def test_eight_tasks_of_one_dataset_differ_in_colour():
    """The published leaderboard has seven of them."""
    assert len(set(task_colours(dict.fromkeys("abcdefgh", "crops")).values())) == 8
