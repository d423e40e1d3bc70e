import pytest
from hypothesis import given
from hypothesis import strategies as st

from calobatch.plan.allreduce import Network
from calobatch.plan.step import Compute, Step, fit_compute
from tests.plan.examples import networks, training

steps = st.builds(
    Step,
    compute=st.builds(Compute, st.floats(0, 0.1), st.floats(1e-7, 1e-2)),
    network=networks,
    gradient_bytes=st.floats(4, 1e9),
)
NOTHING = Network(0, 0, 0)


@given(steps, st.integers(1, 4096), st.integers(1, 1024))
def test_efficiency_is_between_0_and_1(step, batch, ranks):
    strong = step.efficiency(batch, ranks, batch)
    weak = step.efficiency(batch * ranks, ranks, batch)
    assert 0 < strong <= weak <= 1 + 1e-12


@given(steps, st.integers(1, 4096))
def test_one_rank_is_fully_efficient(step, batch):
    assert step.efficiency(batch, 1, batch) == pytest.approx(1)


@given(steps, st.integers(1, 4096), st.integers(1, 512))
def test_strong_scaling_loses_efficiency_with_ranks(step, batch, ranks):
    assert step.efficiency(batch, 2 * ranks, batch) <= step.efficiency(batch, ranks, batch) * (
        1 + 1e-9
    )


@given(st.floats(1e-6, 1e-2), st.integers(1, 4096), st.integers(2, 1024))
def test_ranks_that_do_not_communicate_scale_perfectly(per_event, batch, ranks):
    step = Step(Compute(0.0, per_event), NOTHING, 1e6)
    assert step.efficiency(batch, ranks, batch) == pytest.approx(1)


@given(st.floats(1e-4, 1e-1), st.floats(1e-6, 1e-2))
def test_two_batch_sizes_separate_the_cost_per_step_from_that_per_event(per_step, per_event):
    known = Step(Compute(per_step, per_event), NOTHING, 1e6)
    fitted = fit_compute([training(known, 256), training(known, 32)])
    assert fitted == pytest.approx(known.compute, rel=1e-3)


def test_with_one_batch_size_all_cost_is_per_event():
    known = Step(Compute(1e-3, 1e-4), NOTHING, 1e6)
    fitted = fit_compute([training(known, 256)])
    assert fitted.per_step == 0
    assert fitted.seconds(256) == pytest.approx(known.compute.seconds(256))


def test_trainings_with_more_ranks_are_left_out_of_the_fit():
    network = Network(1.0, 0, 0)
    known = Step(Compute(1e-3, 1e-4), network, 1e6)
    alone = [training(known, 256), training(known, 64)]
    assert fit_compute([*alone, training(known, 256, ranks=2)]) == fit_compute(alone)
