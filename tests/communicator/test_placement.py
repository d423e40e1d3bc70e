import pytest
from hypothesis import given
from hypothesis import strategies as st

from calobatch.communicator.placement import Placement, placement
from calobatch.errors import UserError

numbers = st.integers(0, 10**6)


@given(
    st.builds(Placement, rank=numbers, size=numbers, local_rank=numbers, node=numbers, port=numbers)
)
def test_a_place_is_read_back_from_the_environment_it_was_put_in(place):
    assert placement(place.as_environment()) == place


def test_a_process_without_a_launcher_is_alone():
    assert placement({}) == Placement(rank=0, size=1)


def test_nonsense_in_the_environment_is_named():
    with pytest.raises(UserError, match=r"CALOBATCH_\* variables are not numbers"):
        placement({"CALOBATCH_RANK": "first"})
