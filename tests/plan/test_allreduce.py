import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from calobatch.plan.allreduce import Network, fit_network, typical_error
from tests.plan.examples import networks, sweep


@given(networks, st.floats(0, 1e9))
def test_one_rank_takes_no_time(network, size):
    assert network.allreduce(size, 1) == 0


@given(networks, st.integers(2, 4096), st.floats(1, 1e9), st.floats(1, 1e9))
def test_more_bytes_take_no_less_time(network, ranks, size, more):
    assert network.allreduce(size + more, ranks) >= network.allreduce(size, ranks)


@given(networks, st.integers(2, 4096), st.floats(1, 1e9))
def test_more_ranks_take_no_less_time(network, ranks, size):
    assert network.allreduce(size, ranks + 1) >= network.allreduce(size, ranks)


@given(networks, st.integers(2, 4096), st.floats(1, 1e9))
def test_a_tree_is_never_slower_than_a_ring(network, ranks, size):
    tree, ring = (network._replace(algorithm=name) for name in ("tree", "ring"))
    assert tree.allreduce(size, ranks) <= ring.allreduce(size, ranks)


def test_two_ranks_send_two_messages():
    network = Network(call=1.0, latency=10.0, per_byte=100.0)
    assert network.allreduce(3, 2) == 1 + 2 * 10 + 3 * 100


@given(call=st.floats(1e-4, 1e-2), latency=st.floats(1e-5, 1e-3), per_byte=st.floats(1e-10, 1e-8))
def test_the_fit_recovers_a_known_network(call, latency, per_byte):
    known = Network(call, latency, per_byte)
    fitted = fit_network([sweep(known, ranks) for ranks in (2, 4, 8)])
    assert fitted[:3] == pytest.approx(known[:3], rel=1e-4)


def test_the_fit_recovers_a_network_from_noisy_times():
    known = Network(1e-3, 2e-4, 1e-9)
    random = np.random.default_rng(1)
    sweeps = [
        sweep(known, ranks, noise=lambda: 1 + 0.05 * random.standard_normal())
        for ranks in (2, 4, 8, 16)
    ]
    fitted = fit_network(sweeps)
    assert fitted[:3] == pytest.approx(known[:3], rel=0.15)
    assert 0.02 < typical_error(fitted, sweeps) < 0.08


def test_with_one_number_of_ranks_a_call_counts_as_latency():
    known = Network(2e-3, 1e-4, 1e-9)
    fitted = fit_network([sweep(known, 2)])
    assert fitted.call == 0
    assert fitted.allreduce(1e6, 2) == pytest.approx(known.allreduce(1e6, 2), rel=1e-6)
    assert fitted.allreduce(1e6, 64) > known.allreduce(1e6, 64)
