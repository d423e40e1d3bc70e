import pytest

from tests.run.examples import record


def test_the_shares_are_fractions_of_the_time_in_steps():
    shares = record().throughput.shares
    assert shares == pytest.approx({"data": 0.05, "compute": 0.75, "communication": 0.2})


def test_the_shares_of_a_training_without_steps_are_zero():
    throughput = record().throughput.model_copy(
        update={"data_seconds": 0.0, "compute_seconds": 0.0, "communication_seconds": 0.0}
    )
    assert set(throughput.shares.values()) == {0.0}
