import pytest

from calobatch.report.formats import THIN, digits, duration, fixed, moment, size, whole


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.4, "0 s"), (59.6, "1 min 00 s"), (400, "6 min 40 s"), (4020, "1 h 07 min")],
)
def test_durations_are_written_for_people(seconds, text):
    assert duration(seconds).replace(THIN, " ") == text


def test_numbers_are_grouped_and_rounded():
    assert whole(8638146).replace(THIN, " ") == "8 638 146"
    assert fixed(0.71236, 4) == "0.7124"
    assert fixed(1234.5, 0) == whole(1234.5)
    assert digits(-0.012345) == "\N{MINUS SIGN}0.0123"


@pytest.mark.parametrize(("count", "text"), [(999, "999 B"), (1390000, "1.39 MB"), (7e13, "70 TB")])
def test_sizes_have_decimal_units(count, text):
    assert size(count).replace(THIN, " ") == text


def test_a_moment_is_in_utc():
    assert moment(0) == "1970-01-01 00:00 UTC"
