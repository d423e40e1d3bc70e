"""Format numbers, times and sizes for the page."""

from datetime import UTC, datetime

THIN = "\N{NARROW NO-BREAK SPACE}"


def whole(number: float) -> str:
    """Return 8638146 as "8 638 146", with narrow spaces that do not break."""
    return f"{number:,.0f}".replace(",", THIN)


def fixed(number: float, places: int) -> str:
    """Return a number with ``places`` decimal places."""
    return f"{number:.{places}f}" if places else whole(number)


def signed(number: float, places: int) -> str:
    """Return a number with its sign and ``places`` decimal places."""
    return f"{number:+.{places}f}".replace("-", "\N{MINUS SIGN}")


def moment(seconds: float) -> str:
    """Return seconds since 1970 as a date and time in UTC."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M UTC")


def duration(seconds: float) -> str:
    """Return 52.4 as "52 s", 400 as "6 min 40 s", and 4000 as "1 h 07 min"."""
    total = round(seconds)
    hours, minutes, rest = total // 3600, total // 60 % 60, total % 60
    if hours:
        return f"{hours}{THIN}h {minutes:02d}{THIN}min"
    return f"{minutes}{THIN}min {rest:02d}{THIN}s" if minutes else f"{rest}{THIN}s"


def size(count: float) -> str:
    """Return a number of bytes with three digits and a decimal unit."""
    for unit in ("B", "kB", "MB", "GB"):
        if count < 1000:
            return f"{count:.3g}{THIN}{unit}"
        count /= 1000
    return f"{count:.3g}{THIN}TB"


def short(checksum: str) -> str:
    """Return the first twelve digits of a checksum."""
    return checksum[:12]


def digits(number: float) -> str:
    """Return a number with three significant digits."""
    return f"{number:.3g}".replace("-", "\N{MINUS SIGN}")


def percent(share: float) -> str:
    """Return a fraction as a percentage with three significant digits."""
    return f"{digits(100 * share)}{THIN}%"


FILTERS = {
    function.__name__: function
    for function in (whole, fixed, signed, moment, duration, size, short, digits, percent)
}
