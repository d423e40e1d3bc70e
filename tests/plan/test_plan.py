import pytest
from hypothesis import given
from hypothesis import strategies as st

from calobatch.errors import UserError
from calobatch.plan.allreduce import Network
from calobatch.plan.plan import (
    Work,
    bound,
    fastest,
    fewest_for,
    forecast,
    most_efficient_up_to,
    possible_gpus,
)
from calobatch.plan.step import Compute, Step

STEP = Step(Compute(1e-3, 1e-3), Network(1e-3, 5e-6, 1e-10), 4e6)
WORK = Work(STEP, batch_size=256, grows=False, events=100_000, epochs=10, gpus_per_node=4)
WEAK = WORK._replace(grows=True)


@given(st.integers(1, 256), st.integers(1, 16), st.booleans())
def test_node_hours_are_whole_nodes_times_hours(gpus, gpus_per_node, grows):
    found = forecast(WORK._replace(gpus_per_node=gpus_per_node, grows=grows), gpus)
    assert (found.nodes - 1) * gpus_per_node < gpus <= found.nodes * gpus_per_node
    assert found.node_hours == found.nodes * found.hours


@given(st.integers(1, 256), st.booleans())
def test_hours_are_all_events_over_the_speed(gpus, grows):
    found = forecast(WORK._replace(grows=grows), gpus)
    assert found.hours * 3600 * found.events_per_second == pytest.approx(10 * 100_000)
    assert found.local_batch == pytest.approx(256 if grows else 256 / gpus)
    assert 0 < found.efficiency <= 1
    assert 0 <= found.communication < 1


@given(st.floats(1e-3, 0.3))
def test_a_target_time_gets_the_fewest_gpus_that_reach_it(hours):
    found = fewest_for(WORK, hours)
    fewer = [gpus for gpus in possible_gpus(WORK) if found is None or gpus < found.gpus]
    assert all(forecast(WORK, gpus).hours > hours for gpus in fewer)
    assert found is None or found.hours <= hours


def test_gpus_fill_their_nodes_and_share_the_batch():
    assert list(possible_gpus(WORK._replace(batch_size=13))) == [1, 2, 3, 4, 8, 12]
    assert max(possible_gpus(WEAK)) == 1024


def test_a_batch_grows_no_further_than_all_events():
    few = WEAK._replace(events=1000)
    assert forecast(few, 8).local_batch == 125
    with pytest.raises(UserError, match="1001 GPUs cannot share 1000 training events; plan fewer"):
        forecast(few, 1001)


def test_too_many_gpus_for_a_batch_is_an_error_that_says_what_to_do():
    with pytest.raises(UserError, match=r"512 GPUs cannot share a batch of 256 events.*grow_batch"):
        forecast(WORK, 512)


def test_the_efficiency_is_reached_up_to_the_number_found_and_missed_by_the_next():
    last = most_efficient_up_to(WORK, 0.8)
    following = next(gpus for gpus in possible_gpus(WORK) if gpus > last.gpus)
    assert last.efficiency >= 0.8 > forecast(WORK, following).efficiency


@pytest.mark.parametrize(
    ("step", "cause"),
    [
        (STEP._replace(network=Network(0, 1e-2, 0)), "latency"),
        (STEP._replace(network=Network(1e-1, 1e-5, 0)), "fixed cost of averaging"),
        (STEP._replace(network=Network(0, 0, 0, agreement=1e-2)), "agreement"),
        (STEP._replace(network=Network(0, 1e-5, 1e-8)), "bandwidth"),
        (Step(Compute(1, 1e-3), Network(0, 1e-3, 0), 4e6), "not depend on the batch"),
    ],
)
def test_the_limit_of_the_speed_is_named(step, cause):
    work = WORK._replace(step=step)
    assert cause in bound(work, fastest(work))


def test_the_batch_itself_can_be_the_limit():
    work = WORK._replace(step=STEP._replace(network=Network(0, 0, 0)))
    assert "each GPU then has 1 of the 256 events of a batch" in bound(work, fastest(work))
