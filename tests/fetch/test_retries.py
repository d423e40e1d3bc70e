import time

import pytest

from calobatch.fetch.retries import Interrupted, Retries, RetryPolicy
from calobatch.public.address import AddressError

CUT = Interrupted("cut")


def test_waits_double_up_to_the_longest_within_their_jitter():
    retries = Retries(RetryPolicy(first_wait=1.0, longest_wait=8.0, patience=1e6), 0)
    for longest in (1.0, 2.0, 4.0, 8.0, 8.0):
        assert longest / 2 <= retries.next_wait(CUT, 0) <= longest


def test_new_bytes_reset_the_waits():
    retries = Retries(RetryPolicy(first_wait=1.0, patience=1e6), 0)
    for _ in range(5):
        retries.next_wait(CUT, 0)
    assert retries.next_wait(CUT, 1) <= 1.0


def test_new_bytes_restore_the_patience():
    retries = Retries(RetryPolicy(first_wait=0.001, patience=0.3), 0)
    for size in range(1, 5):
        time.sleep(0.1)
        retries.next_wait(CUT, size)


def test_bytes_fetched_a_second_time_are_no_progress():
    retries = Retries(RetryPolicy(first_wait=1.0, patience=1e6), 100)
    assert retries.next_wait(CUT, 50) <= 1.0
    assert retries.next_wait(CUT, 100) >= 1.0


def test_a_longer_wait_that_the_server_asks_for_is_kept():
    retries = Retries(RetryPolicy(first_wait=1.0), 0)
    assert retries.next_wait(Interrupted("429", retry_after=42.0), 0) == 42.0


def test_a_wait_beyond_the_patience_ends_the_attempts():
    retries = Retries(RetryPolicy(patience=300.0), 0)
    with pytest.raises(AddressError, match=r"429 and asked to wait 3600 s.*the limit is 300 s"):
        retries.next_wait(Interrupted("429", retry_after=3600.0), 0)
