"""The order of events: each event once, the same steps on all ranks, the same batches for any."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from calobatch.train.order import BatchShare, epoch_batches, epoch_steps, first_events, rank_share

sizes = st.integers(1, 12).flatmap(
    lambda ranks: st.tuples(st.just(ranks), st.integers(ranks, 300), st.integers(ranks, 64))
)


def batches_of_all_ranks(events, batch_size, ranks, seed=1, epoch=1):
    return [
        epoch_batches(events, batch_size, seed=seed, epoch=epoch, rank=rank, ranks=ranks)
        for rank in range(ranks)
    ]


@given(sizes)
def test_every_event_appears_exactly_once_over_all_ranks(size):
    ranks, count, batch_size = size
    events = np.arange(1000, 1000 + count)
    shares = batches_of_all_ranks(events, batch_size, ranks)
    seen = np.concatenate([share.events for of_rank in shares for share in of_rank])
    assert sorted(seen) == list(events)


@given(sizes)
def test_all_ranks_take_the_same_steps_and_none_is_empty(size):
    ranks, count, batch_size = size
    shares = batches_of_all_ranks(np.arange(count), batch_size, ranks)
    assert {len(of_rank) for of_rank in shares} == {epoch_steps(count, batch_size, ranks)}
    assert all(len(share.events) > 0 for of_rank in shares for share in of_rank)
    for at_step in zip(*shares, strict=True):
        assert sum(len(share.events) for share in at_step) == at_step[0].batch_events


@given(sizes)
def test_a_batch_has_the_same_events_for_any_number_of_ranks(size):
    ranks, count, batch_size = size
    events = np.arange(count)
    alone = batches_of_all_ranks(events, batch_size, 1)[0]
    shared = batches_of_all_ranks(events, batch_size, ranks)
    for step, at_step in enumerate(zip(*shared, strict=True)):
        together = np.concatenate([share.events for share in at_step])
        whole = alone[step].events if at_step[0].batch_events <= batch_size else together
        assert sorted(together) == sorted(whole)


@pytest.mark.parametrize("change", [{"seed": 2}, {"epoch": 2}])
def test_a_different_seed_or_epoch_gives_a_different_order(change):
    events = np.arange(200)
    one = batches_of_all_ranks(events, 200, 1)[0][0].events
    other = batches_of_all_ranks(events, 200, 1, **change)[0][0].events
    assert not np.array_equal(one, other)
    assert np.array_equal(one, batches_of_all_ranks(events, 200, 1)[0][0].events)


def test_the_parts_of_a_batch_have_events_of_similar_numbers_of_hits():
    share, hit_number = BatchShare(np.array([7, 2, 9, 4, 0]), 5), np.arange(10)[::-1] // 2
    parts = share.parts(2, hit_number)
    assert [part.tolist() for part in parts] == [[9, 7, 4], [2, 0]]
    assert [part.tolist() for part in share.parts(2)] == [[7, 2, 9], [4, 0]]


@given(st.integers(1, 12), st.integers(0, 100))
def test_the_shares_that_ranks_score_are_all_events_in_order(ranks, count):
    events = np.arange(count) * 3
    shares = [rank_share(events, rank, ranks) for rank in range(ranks)]
    assert np.array_equal(np.concatenate(shares), events)


@given(st.integers(1, 300), st.integers(1, 300), st.integers(1, 300))
def test_a_smaller_number_of_training_events_is_part_of_a_larger_one(count, small, large):
    events = np.arange(1000, 1000 + count)
    small, large = sorted((min(small, count), min(large, count)))
    of_small, of_large = first_events(events, small), first_events(events, large)
    assert len(of_small) == small
    assert set(of_small) <= set(of_large) <= set(events)
    assert list(of_large) == sorted(of_large)
    assert list(first_events(events, None)) == list(events)
