import pytest
from hypothesis import given
from hypothesis import strategies as st

from calobatch.config.training import Training
from calobatch.train.learning_rate import LearningRate


def settings(**changes):
    return Training(
        **({"model": "cnn", "epochs": 10, "batch_size": 64, "learning_rate": 0.01} | changes)
    )


def test_a_constant_rate_does_not_change():
    rate = LearningRate(settings(), ranks=4)
    assert {rate.at(progress) for progress in (0.1, 3, 10)} == {0.01}


@pytest.mark.parametrize(("scaling", "factor"), [("none", 1), ("sqrt", 2), ("linear", 4)])
def test_the_rate_follows_a_batch_that_grows_with_the_ranks(scaling, factor):
    grown = settings(learning_rate_scaling=scaling, grow_batch_with_ranks=True)
    assert LearningRate(grown, ranks=4).at(5) == pytest.approx(0.01 * factor)


def test_the_rate_does_not_follow_ranks_that_share_one_batch():
    assert LearningRate(settings(), ranks=4).at(5) == 0.01


def test_warm_up_of_a_scaled_rate_starts_from_the_unscaled_one():
    """Goyal et al., arXiv:1706.02677, section 2.2."""
    rate = LearningRate(
        settings(warmup_epochs=5, learning_rate_scaling="linear", grow_batch_with_ranks=True), 8
    )
    assert rate.at(0) == pytest.approx(0.01)
    assert rate.at(2.5) == pytest.approx(0.045)
    assert rate.at(5) == pytest.approx(0.08)


@given(st.floats(0, 4.9), st.floats(0.01, 5))
def test_warm_up_never_falls(progress, step):
    rate = LearningRate(settings(warmup_epochs=5), ranks=1)
    assert rate.at(progress) <= rate.at(progress + step)


def test_a_cosine_falls_from_the_peak_to_zero():
    rate = LearningRate(settings(schedule={"kind": "cosine"}, warmup_epochs=2), ranks=1)
    assert rate.at(2) == pytest.approx(0.01)
    assert rate.at(6) == pytest.approx(0.005)
    assert rate.at(10) == pytest.approx(0, abs=1e-9)


def test_a_plateau_reduces_the_rate_after_patience_epochs_without_progress():
    plateau = {"kind": "plateau", "factor": 0.2, "patience": 3}
    rate = LearningRate(settings(schedule=plateau), ranks=1)
    for auc in (0.6, 0.7, 0.7, 0.69):
        rate.epoch_ended(auc)
    assert rate.at(4) == 0.01
    rate.epoch_ended(0.68)
    assert rate.at(5) == pytest.approx(0.002)
    rate.epoch_ended(0.71)
    assert rate.at(6) == pytest.approx(0.002)


def test_a_gain_below_the_least_gain_of_keras_is_no_progress():
    """ReduceLROnPlateau has min_delta=1e-4."""
    rate = LearningRate(settings(schedule={"kind": "plateau", "patience": 2}), ranks=1)
    for auc in (0.7, 0.70005, 0.7002, 0.70025):
        rate.epoch_ended(auc)
    assert rate.at(4) == 0.01
    rate.epoch_ended(0.70029)
    assert rate.at(5) == pytest.approx(0.002)


def test_a_replayed_history_gives_the_same_rate():
    """A resumed training rebuilds its schedule from the history alone."""
    plateau = {"kind": "plateau", "factor": 0.5, "patience": 1}
    aucs = [0.5, 0.4, 0.6, 0.6, 0.5, 0.7]
    straight = LearningRate(settings(schedule=plateau), ranks=1)
    for auc in aucs:
        straight.epoch_ended(auc)
    resumed = LearningRate(settings(schedule=plateau), ranks=1)
    for auc in aucs[:3]:
        resumed.epoch_ended(auc)
    for auc in aucs[3:]:
        resumed.epoch_ended(auc)
    assert resumed.at(6) == straight.at(6)
