"""Words that several lines of a plan share."""


def counted(number: int, noun: str) -> str:
    """Return "1 rank", "2 ranks" and so on."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
