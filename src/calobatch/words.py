"""Times, numbers and lists in words."""

import math
from collections.abc import Sequence

# Far in the tails, a p-value depends on more than the approximations behind it can know.
SMALLEST_P = 1e-6


def in_words(seconds: float) -> str:
    """Return a time as "8 s", "12 min 5 s" or "3 h 20 min"."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    minutes, rest = divmod(whole, 60)
    return f"{minutes} min {rest} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"


def counted(number: int, noun: str) -> str:
    """Return "1 rank", "2 ranks" and so on."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def joined(words: Sequence[str]) -> str:
    """Return words as a list in a sentence: "a", "a and b", or "a, b and c"."""
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)


def p_value(p: float) -> str:
    """Return "p = 0.031", or "p < 1e-06" if it is smaller."""
    return f"p = {p:.2g}" if p >= SMALLEST_P else f"p < {SMALLEST_P:g}"


def with_error(value: float, error: float | None) -> str:
    """Return a value and its standard error, both to two digits of the error: "0.551 ± 0.072".

    Without an error, the value has three digits.
    """
    if not error:
        return f"{value:.3g}"
    places = max(0, 1 - math.floor(math.log10(error)))
    return f"{value:.{places}f} ± {error:.{places}f}"
