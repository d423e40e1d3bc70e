"""The power law behind a learning curve is found, and its forecasts are as uncertain as stated."""

from dataclasses import replace

import numpy as np
import pytest

from calobatch.report.learning_curves import (
    FURTHER,
    draw_learning_curves,
    in_words,
    learning_curves,
)
from calobatch.report.power_law import LEAST_POINTS, fitted_power_law
from tests.run.examples import run_folder

LIMIT, LOSS, POWER = 0.8, 0.2, 0.4
EVENTS = (5_000, 20_000, 80_000, 320_000)
ERROR = 0.002


def true_auc(events):
    return LIMIT - LOSS * (np.asarray(events) / EVENTS[0]) ** -POWER


def run_on(tmp_path, events, auc, seed=5, task="crops"):
    """A run on ``events`` training events, whose interval is that of a standard error of ERROR."""
    run = run_folder(tmp_path, seed)
    test = run.metrics.splits["test"].model_copy(
        update={"auc": auc, "auc_low": auc - 1.96 * ERROR, "auc_high": auc + 1.96 * ERROR}
    )
    train = run.metrics.splits["train"].model_copy(update={"events": events})
    splits = run.metrics.splits | {"train": train, "test": test}
    return replace(
        run,
        record=run.record.model_copy(update={"task": task}),
        metrics=run.metrics.model_copy(update={"splits": splits}),
    )


def test_exact_points_give_back_the_power_law():
    law = fitted_power_law(EVENTS, true_auc(EVENTS), [ERROR] * len(EVENTS))
    assert law.values == pytest.approx([LIMIT, LOSS, POWER], abs=1e-3)
    auc, _ = law.at(1_000_000)
    assert auc == pytest.approx(true_auc(1_000_000), abs=1e-3)


def test_the_stated_error_of_a_forecast_is_the_spread_of_forecasts_from_other_measurements():
    random = np.random.default_rng(1)
    forecasts = []
    for _ in range(300):
        measured = true_auc(EVENTS) + random.normal(0, ERROR, len(EVENTS))
        forecasts.append(fitted_power_law(EVENTS, measured, [ERROR] * len(EVENTS)).at(640_000))
    aucs, errors = np.array(forecasts).T
    pulls = (aucs - true_auc(640_000)) / errors
    # A normal distribution has 68 % within one standard error.
    assert 0.6 < np.mean(np.abs(pulls) < 1) < 0.8


def test_too_few_points_and_points_that_do_not_grow_give_no_forecast(tmp_path):
    few = EVENTS[: LEAST_POINTS - 1]
    assert fitted_power_law(few, true_auc(few), [ERROR] * len(few)) is None
    falling = [
        run_on(tmp_path, events, auc)
        for events, auc in zip(EVENTS, (0.7, 0.6, 0.72, 0.61), strict=True)
    ]
    (curve,) = learning_curves(falling, {"crops": "crops"})
    forecast = in_words(curve)
    assert forecast == "" or "0.6" in forecast  # about the mean of what was measured
    assert draw_learning_curves([curve], {"crops": "#000000"})


def test_trainings_on_several_numbers_of_events_become_one_curve(tmp_path):
    runs = [
        run_on(tmp_path, events, float(true_auc(events)) + shift, seed, task)
        for events, task in ((5_000, "a_5000"), (20_000, "a_20000"), (80_000, "a"))
        for seed, shift in ((1, -0.003), (2, 0.003))
    ]
    alone = run_on(tmp_path, 80_000, 0.7, task="b")
    whole = {"a_5000": "a", "a_20000": "a", "a": "a", "b": "b"}
    (curve,) = learning_curves([*runs, alone], whole)
    assert curve.task == "a"
    assert [point.events for point in curve.points] == [5_000, 20_000, 80_000]
    assert [point.auc for point in curve.points] == pytest.approx(true_auc([5000, 20000, 80000]))
    # The trainings differ by 0.006, so the error of their mean is 0.003 besides that of the events.
    assert curve.points[0].error == pytest.approx(np.hypot(ERROR, 0.003), rel=1e-3)


def test_the_sentence_names_the_events_and_the_picture_describes_the_points(tmp_path):
    runs = [run_on(tmp_path, events, float(true_auc(events))) for events in EVENTS]
    (curve,) = learning_curves(runs, {"crops": "crops"})
    sentence = in_words(curve)
    assert f"With {FURTHER * EVENTS[-1]:,} training events in place of {EVENTS[-1]:,}" in sentence
    assert f"would reach {true_auc(FURTHER * EVENTS[-1]):.3f} ± " in sentence
    picture = draw_learning_curves([curve], {"crops": "#112233"})
    assert "0.6000 with 5,000 events" in picture
    assert "#112233" in picture


def test_tasks_that_have_learned_nothing_do_not_end_the_report(tmp_path):
    runs = [run_on(tmp_path, events, 0.4 + events * 1e-8) for events in EVENTS]
    (curve,) = learning_curves(runs, {"crops": "crops"})
    assert draw_learning_curves([curve], {"crops": "#000000"})


def test_points_that_miss_the_curve_make_its_forecast_less_certain():
    aucs = true_auc(EVENTS) + np.array([0, 10, -10, 0]) * ERROR
    stated = fitted_power_law(EVENTS, aucs, [ERROR] * len(EVENTS)).at(640_000)[1]
    enough = fitted_power_law(EVENTS, aucs, [8 * ERROR] * len(EVENTS)).at(640_000)[1]
    # How large the errors were said to be has no effect if the points differ by more.
    assert stated > 5 * fitted_power_law(EVENTS, true_auc(EVENTS), [ERROR] * 4).at(640_000)[1]
    assert stated == pytest.approx(enough, rel=0.3)


def test_a_fit_that_stops_at_a_bound_is_no_forecast(tmp_path):
    straight = [0.6, 0.7, 0.8, 0.9]
    law = fitted_power_law(EVENTS, straight, [ERROR] * len(EVENTS))
    assert law.at_bound
    assert not fitted_power_law(EVENTS, true_auc(EVENTS), [ERROR] * len(EVENTS)).at_bound
    runs = [run_on(tmp_path, *point) for point in zip(EVENTS, straight, strict=True)]
    (curve,) = learning_curves(runs, {"crops": "crops"})
    assert in_words(curve) == ""
