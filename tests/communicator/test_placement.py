import pytest
from hypothesis import given
from hypothesis import strategies as st

from calobatch.communicator.placement import Placement, placement
from calobatch.errors import UserError

numbers = st.integers(0, 10**6)


@given(
    st.builds(Placement, rank=numbers, size=numbers, local_rank=numbers, node=numbers, port=numbers)
)
def test_a_placement_is_restored_from_its_environment_variables(place):
    assert placement(place.as_environment()) == place


def test_a_process_without_a_launcher_is_the_only_rank():
    assert placement({}) == Placement(rank=0, size=1)


def test_the_secret_is_passed_on_and_never_printed():
    place = Placement(size=2)
    assert placement(place.as_environment()).secret == place.secret
    assert len(place.secret) == 64
    assert place.secret not in repr(place)
    assert place.derived("one purpose") != place.derived("another purpose")


def test_a_single_process_makes_a_secret_of_its_own():
    first, second = placement({}).secret, placement({"CALOBATCH_SECRET": ""}).secret
    assert first
    assert second
    assert first != second


def test_ranks_without_a_secret_are_an_error_with_the_fix():
    environment = Placement(size=2).as_environment() | {"CALOBATCH_SECRET": ""}
    message = r"CALOBATCH_SECRET, .*, is not set; start the ranks with `calobatch launch`"
    with pytest.raises(UserError, match=message):
        placement(environment)


def test_a_variable_that_is_not_a_number_is_an_error():
    with pytest.raises(
        UserError, match=r"an environment variable CALOBATCH_\* is not a number .*; unset it"
    ):
        placement({"CALOBATCH_RANK": "first"})
