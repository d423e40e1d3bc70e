"""Times, lists and p-values in words."""

import pytest

from calobatch.words import in_words, joined, p_value, with_error


@pytest.mark.parametrize(
    ("seconds", "words"), [(0.4, "0 s"), (59.4, "59 s"), (60, "1 min 0 s"), (12345, "3 h 25 min")]
)
def test_times_are_in_words(seconds, words):
    assert in_words(seconds) == words


def test_words_are_joined_as_in_a_sentence():
    assert [joined(list("abc")[:number]) for number in (1, 2, 3)] == ["a", "a and b", "a, b and c"]


@pytest.mark.parametrize(
    ("p", "words"), [(1.0, "p = 1"), (0.0312, "p = 0.031"), (1e-6, "p = 1e-06"), (0, "p < 1e-06")]
)
def test_p_values_are_written_out_as_far_as_they_can_be_known(p, words):
    assert p_value(p) == words


@pytest.mark.parametrize(
    ("value", "error", "words"),
    [
        (0.55084, 0.0724, "0.551 ± 0.072"),
        (1.0, 0.00123, "1.0000 ± 0.0012"),
        (20.0, 215.7, "20 ± 216"),
        (20.0, None, "20"),
        (1.5, 0.0, "1.5"),
    ],
)
def test_a_value_has_as_many_digits_as_its_error_allows(value, error, words):
    assert with_error(value, error) == words
