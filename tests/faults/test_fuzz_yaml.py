from collections import Counter

from tests.faults.fuzz_yaml import KINDS, fuzz


def test_2000_mutated_texts_are_read_as_they_arrive_at_a_job_or_refused_with_one_message():
    counts = Counter()
    failures = list(fuzz(2000, seed=1, counts=counts))
    assert failures == []
    assert {outcome for _, outcome in counts} == {"read", "refused"}
    assert {kind for kind, _ in counts} == set(KINDS)
