"""Times in words."""

import pytest

from calobatch.words import in_words


@pytest.mark.parametrize(
    ("seconds", "words"), [(0.4, "0 s"), (59.4, "59 s"), (60, "1 min 0 s"), (12345, "3 h 25 min")]
)
def test_times_are_in_words(seconds, words):
    assert in_words(seconds) == words
